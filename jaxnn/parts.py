"""An experiment of several studies: each is one of its parts, with a directory of its own below that of all."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xarray as xr

from jaxnn.data import load_config
from jaxnn.errors import InputError
from jaxnn.study import Analysis, CheckpointConfig, Interrupted, Outcome, Plan, StudyConfig, plan_study, rundir
from jaxnn.study.board import check_files
from jaxnn.study.compiling import Ahead, Compiler
from jaxnn.study.describe import ANALYSED, About, describe_study, no_analysis
from jaxnn.study.environment import environment
from jaxnn.study.identity import check_continues
from jaxnn.study.interrupt import stop_on_signals
from jaxnn.study.keeping import check_config
from jaxnn.study.plan import Program
from jaxnn.study.results import load_dataset
from jaxnn.study.runner import check_space, run_plan, untouched_programs

if TYPE_CHECKING:  # matplotlib takes a second to import, and is needed only when training is over
    from jaxnn.report import PartReport

ANALYSIS = "analysis.json"  # in the directory of a part: what its analysis said, for the page of the whole

USUAL_CHECKPOINTS = CheckpointConfig()


class Part(NamedTuple):
    """A study among others.

    name: unique among them; also that of its directory: small letters, digits, `-` and `_`.
    config, sweep, analyse: as for `run_study`.
    question: what it asks; "" is the question of the whole.
    """

    name: str
    config: StudyConfig
    sweep: Mapping[str, Any]
    analyse: Callable[[Outcome], Analysis] = no_analysis
    question: str = ""


class _Whole(NamedTuple):
    """Parts, as they are planned, and where they go."""

    parts: Sequence[Part]
    plans: Sequence[Plan]
    about: About
    directory: Path
    checkpoints: CheckpointConfig

    def directory_of(self, part: Part) -> Path:
        return self.directory / part.name


def run_parts(
    parts: Sequence[Part],
    *,
    name: str = "experiment",
    question: str = "",
    preset: str = "",
    output: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    checkpoints: CheckpointConfig = USUAL_CHECKPOINTS,
) -> dict[str, xr.Dataset]:
    """Train several studies one after another, and leave a page about all of them above their directories.

    What is wrong with any of them is said before the first is trained.

    Args:
        parts: the studies, in their order.
        name: of the experiment; its parts are called NAME/PART in their results.
        question: what the experiment asks.
        preset: the size it is run at, for those who read or resume it.
        output: the directory; None makes a new one under `runs/`.
        resume: continue the run in that directory: a part that is done is read, the one that was cut goes on.
        overwrite: replace an earlier run in that directory.
        checkpoints: how often to save.

    Returns:
        Name of the part -> its results.

    Raises:
        InputError: anything wrong with a part or the directory, before anything is written.
        CheckpointError: a checkpoint could not be saved, or none that is left can be read.
        Interrupted: a signal asked to end; the run is saved.
    """
    check_config(checkpoints)
    plans = plan_parts(parts)
    description = _describe(parts, plans, About(name, question), preset)
    with rundir.output_directory(output, name) as directory:
        rundir.check_free(directory, resume=resume, overwrite=overwrite)
        whole = _Whole(parts, plans, About(name, question), directory, checkpoints)
        with rundir.lock(directory):
            rundir.check_free(directory, resume=resume, overwrite=overwrite)
            if overwrite:
                rundir.clear(directory)
            return _run(whole, description)


def plan_parts(parts: Sequence[Part], *, must_fit: bool = True) -> list[Plan]:
    """Every part laid out, and so known to be possible; compiles and writes nothing.

    Args:
        parts: the studies, in their order.
        must_fit: as for `plan_study`.

    Raises:
        InputError: anything wrong with a part.
    """
    load, names = functools.cache(load_config), set()
    plans = []
    for part in parts:
        rundir.check_part_name(part.name)
        if part.name in names:
            raise InputError(f"A part must have a name of its own; got `{part.name}` twice.")
        names.add(part.name)
        try:
            plans.append(plan_study(part.config, part.sweep, load=load, must_fit=must_fit))
            check_files(plans[-1])
        except InputError as error:
            raise InputError(f"part `{part.name}`: {error}") from None
    return plans


def _describe(parts: Sequence[Part], plans: Sequence[Plan], about: About, preset: str) -> dict[str, Any]:
    """The content of the whole's config.json."""
    described = {
        part.name: {**describe_study(_about_part(about, part), plan, {}), ANALYSED: part.analyse is not no_analysis}
        for part, plan in zip(parts, plans, strict=True)
    }
    return rundir.plain(
        {"experiment": about.name, "question": about.question, "preset": preset, "parts": described}
    )


def _run(whole: _Whole, description: dict[str, Any]) -> dict[str, xr.Dataset]:
    """Start or continue the parts in their locked directory; a finished whole is only read."""
    directory, names = whole.directory, [part.name for part in whole.parts]
    earlier = rundir.read_description(directory)
    extended = earlier is not None and _check_continues(earlier, description, directory)
    if earlier is not None and not extended and _is_complete(directory, names):
        return {name: load_dataset(directory / name / "results.nc") for name in names}
    advice = f"continue with `jaxnn resume {directory}`."
    with rundir.unfinished(directory), stop_on_signals(advice) as stop:
        surroundings = environment()
        described = {**(earlier or surroundings), **description}
        if earlier is not None:
            described["resumed"] = [*earlier.get("resumed", []), surroundings]
        rundir.write_json(directory / rundir.CONFIG, described)
        results = {}
        with Ahead(_untouched_programs(whole)) as compiler:
            for position, part in enumerate(whole.parts):
                stop.check()
                print(f"part {position + 1} of {len(whole.parts)}: {part.name}", flush=True)
                try:
                    results[part.name] = _run_part(whole, part, whole.plans[position], compiler)
                except Interrupted as error:  # it advises to resume the part alone
                    raise Interrupted(error.signum, advice) from None
        stop.check()
        _publish(directory, results, described)
    return results


def _untouched_programs(whole: _Whole) -> Iterator[tuple[Plan, Program]]:
    for part, plan in zip(whole.parts, whole.plans, strict=True):
        for program in untouched_programs(plan, whole.directory_of(part)):
            yield plan, program


def _run_part(whole: _Whole, part: Part, plan: Plan, compiler: Compiler) -> xr.Dataset:
    about, directory = _about_part(whole.about, part), whole.directory_of(part)

    def analyse(outcome: Outcome) -> Analysis:
        analysis = part.analyse(outcome)
        figures = [(name, caption) for name, caption, _ in analysis.figures]
        said = {"notes": analysis.notes, "tables": analysis.tables, "figures": figures}
        rundir.write_json(directory / ANALYSIS, said)
        return analysis

    rundir.check_free(directory, resume=True, overwrite=False)
    if not rundir.is_complete(directory):
        check_space(plan, directory)
    with rundir.lock(directory):
        chosen = no_analysis if part.analyse is no_analysis else analyse
        return run_plan(plan, about, chosen, directory, checkpoints=whole.checkpoints, compiler=compiler)


def _about_part(about: About, part: Part) -> About:
    return About(f"{about.name}/{part.name}", part.question or about.question)


def _check_continues(earlier: Mapping[str, Any], now: Mapping[str, Any], directory: Path) -> bool:
    """Whether `now` extends the parts that `earlier` describes, and is not the same.

    Args:
        earlier: the description of the run in `directory`.
        now: the description of what is to be resumed.

    Raises:
        InputError: it is another experiment, has other parts, or a part differs in more than an extension may.
    """
    if rundir.part_names(earlier) is None:
        raise InputError(f"`--output {directory}` holds a single study, not parts: choose another directory.")
    for name, of in (("experiment", str), ("preset", str), ("parts", list)):
        if of(earlier[name]) != of(now[name]):
            raise InputError(
                f"`--resume` continues the same parts; `{name}` was {_listed(earlier[name])} and is "
                f"{_listed(now[name])} in `{directory}`: give it the same, or choose another `--output`."
            )
    extended = []
    for name, study in now["parts"].items():
        try:
            extended.append(check_continues(earlier["parts"][name], study))
        except InputError as error:
            raise InputError(f"part `{name}`: {error}") from None
    return any(extended)


def _listed(value: Any) -> str:
    return ", ".join(f"`{one}`" for one in ([value] if isinstance(value, str) else value)) or "none"


def _is_complete(directory: Path, names: Sequence[str]) -> bool:
    folders = [directory, *(directory / name for name in names)]
    return all(rundir.is_complete(one) for one in folders)


def _publish(directory: Path, results: Mapping[str, xr.Dataset], about: Mapping[str, Any]) -> None:
    """Write the page and the summary of a whole whose parts are done."""
    from jaxnn import report  # matplotlib: a second that the first result need not wait for

    found = [_part_report(directory / name, name, ds) for name, ds in results.items()]
    title, question = str(about["experiment"]), str(about["question"])
    report.write_parts_report(directory / "report.html", found, title=title, question=question, about=about)
    report.write_parts_summary(directory / "summary.md", found, title=title, question=question, about=about)


def _part_report(directory: Path, name: str, results: xr.Dataset) -> "PartReport":
    """What the page says of a part: its analysis with its figures, or where it drew none the comparison."""
    from jaxnn.report import COMPARISON_CAPTION, PartReport

    said = _read_analysis(directory / ANALYSIS)
    drawn = said.get("figures") or [("comparison", COMPARISON_CAPTION)]
    files = [(caption, directory / "figures" / f"{figure}.png") for figure, caption in drawn]
    figures = [(caption, file) for caption, file in files if file.is_file()]
    return PartReport(name, results, said.get("notes", ()), said.get("tables", ()), figures)


def _read_analysis(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"`{file}` must be the JSON that jaxnn wrote: {error}.") from None
