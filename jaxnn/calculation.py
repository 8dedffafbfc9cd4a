"""An answer that is calculated, with nothing to train: its figures, its page and its summary in a directory."""

from collections.abc import Callable
from pathlib import Path

from jaxnn.study import Analysis, rundir
from jaxnn.study.environment import environment


def run_calculation(
    calculate: Callable[[], Analysis],
    *,
    name: str = "calculation",
    question: str = "",
    preset: str = "",
    output: Path | str | None = None,
    overwrite: bool = False,
) -> Analysis:
    """Calculate an answer and leave it in a directory.

    Args:
        calculate: makes the notes, tables and figures.
        name: of the experiment, for the report and the default directory.
        question: what it asks.
        preset: the size it is calculated at.
        output: the directory; None makes a new one under `runs/`.
        overwrite: replace an earlier run in that directory.

    Returns:
        What `calculate` made.

    Raises:
        InputError: the directory cannot be used.
    """
    with rundir.output_directory(output, name) as directory:
        rundir.check_free(directory, overwrite=overwrite)
        with rundir.lock(directory):
            rundir.check_free(directory, overwrite=overwrite)
            if overwrite:
                rundir.clear(directory)
            with rundir.unfinished(directory):
                about = {"experiment": name, "question": question, "preset": preset, "parts": {}, **environment()}
                rundir.write_json(directory / rundir.CONFIG, about)
                analysis = calculate()
                from jaxnn import plots, report  # matplotlib: a second that a refusal need not wait for

                (directory / "figures").mkdir()
                for file, caption, figure in analysis.figures:
                    plots.save_figure(figure, directory / "figures" / f"{file}.png", caption=caption)
                report.write_calculation(
                    directory,
                    title=name,
                    question=question,
                    notes=analysis.notes,
                    tables=analysis.tables,
                    figures=[(caption, figure) for _, caption, figure in analysis.figures],
                    about=about,
                )
    return analysis
