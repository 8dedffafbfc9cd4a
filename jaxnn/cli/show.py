"""The commands that only show: list, summary, data."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from jaxnn.errors import InputError


def list_command(arguments: Sequence[str]) -> int:
    """`jaxnn list`: every experiment with its question, every data set with what it is."""
    from rich.console import Console
    from rich.table import Table

    from jaxnn import data
    from jaxnn.discover import experiment_files, question_of

    if set(arguments) & {"-h", "--help"}:
        print("usage: jaxnn list\n\nShow every experiment with its question, and every data set with what it is.")
        return 0
    if arguments:
        raise InputError(f"`jaxnn list` takes no arguments; got `{arguments[0]}`.")
    console = Console()
    for title, rows in (
        ("Experiments (jaxnn run NAME)", {name: question_of(path) for name, path in experiment_files().items()}),
        ("Data sets (jaxnn data NAME)", data.available()),
    ):
        table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for name, text in rows.items():
            table.add_row(name, text)
        console.print(table)
        console.print()
    return 0


def summary_command(arguments: Sequence[str]) -> int:
    """`jaxnn summary MODEL`: the layers of a model, with shapes, parameters and FLOPs."""
    from jaxnn import models
    from jaxnn.cli.parse import leading_name, parse
    from jaxnn.data import DataInfo
    from jaxnn.study.config import ModelConfig
    from jaxnn.study.recipe import MODELS, build_model

    @dataclasses.dataclass(frozen=True)
    class SummaryFlags:
        config: ModelConfig = ModelConfig()
        input_shape: tuple[int, ...] = (28, 28, 1)
        """Shape of one example."""
        num_outputs: int = 10
        """Classes, or target columns."""
        debug: bool = False
        """Show tracebacks."""

    name, rest = leading_name(arguments, "model", MODELS, "summary")
    if name is None:
        return 0
    default = SummaryFlags(ModelConfig(name))
    flags = parse(SummaryFlags, default, rest, prog=f"jaxnn summary {name}")
    if not flags.input_shape or min(flags.input_shape) < 1:
        raise InputError(f"`--input-shape` must be whole numbers of 1 or more; got {flags.input_shape}.")
    info = DataInfo(
        name="inputs",
        task="classification",
        input_shape=flags.input_shape,
        num_classes=flags.num_outputs,
        num_outputs=flags.num_outputs,
        class_names=(),
        feature_names=(),
        scale=1.0,
        source="",
        sha256={},
    )
    print(models.summary(build_model(flags.config, info), flags.input_shape))
    return 0


def data_command(arguments: Sequence[str]) -> int:
    """`jaxnn data NAME`: what a data set is; draws samples of it into a file."""
    from jaxnn import data, plots
    from jaxnn.cli.parse import leading_name, parse
    from jaxnn.data import DataConfig

    @dataclasses.dataclass(frozen=True)
    class DataFlags:
        """Show what a data set is, and draw samples of it into a file: NAME.png in the current folder, unless
        `--output` names another."""

        config: DataConfig = DataConfig()
        output: Path | None = None
        """File of the figure of samples, .png or .svg; default: NAME.png in the current folder."""
        overwrite: bool = False
        """Replace a file that is there."""
        debug: bool = False
        """Show tracebacks."""

    name, rest = leading_name(arguments, "data set", data.available(), "data")
    if name is None:
        print("Samples are drawn into NAME.png in the current folder, or into the file that `--output` names.")
        return 0
    flags = parse(DataFlags, DataFlags(DataConfig(dataset=name)), rest, prog=f"jaxnn data {name}")
    path = flags.output or Path(f"{name.replace('/', '-')}.png")
    if not path.parent.is_dir():
        raise InputError(f"`--output {path}` must be in a directory that exists; `{path.parent}` does not.")
    if path.exists() and not flags.overwrite:
        raise InputError(
            f"`--output {path}` is there already: `--overwrite` to replace it, or choose another file."
        )
    loaded = data.load_config(flags.config)
    figure = plots.plot_samples(loaded.train.x, loaded.train.y, class_names=loaded.info.class_names, title=name)
    plots.save_figure(figure, path)
    for label, text in (_describe(loaded) | {"samples": str(path)}).items():
        print(f"{label:<12} {text}")
    return 0


def _describe(loaded) -> dict[str, str]:
    info = loaded.info
    splits = {"training": loaded.train, "validation": loaded.validation, "test": loaded.test}
    sizes = [f"{len(split.x):,} {name}" for name, split in splits.items()]
    lines = {
        "name": info.name,
        "source": info.source,
        "examples": ", ".join(sizes),
        "inputs": f"{info.input_shape} {loaded.train.x.dtype}, scaled by {info.scale:.6g}",
    }
    if info.class_names:
        lines["classes"] = ", ".join(info.class_names)
    else:
        lines["targets"] = f"{info.num_outputs} numbers"
    if info.feature_names:
        lines["features"] = ", ".join(info.feature_names)
    lines |= {f"SHA-256 {name}" if "." not in name else name: digest for name, digest in info.sha256.items()}
    return lines
