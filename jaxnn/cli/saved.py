"""The commands that put a finished run to use: predict, evaluate, export."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
import tyro

from jaxnn import runtime, stats
from jaxnn.cli.parse import parse
from jaxnn.errors import InputError
from jaxnn.labels import interval_label, metric_label, metric_value
from jaxnn.saved import ensemble, evaluate_run, export_run, load_run, predictions, read_any_inputs
from jaxnn.saved.load import LoadedRun, check_is_run
from jaxnn.study.sweep import parse_sweep, sweepable, swept_value_coordinate

FORMATS = (".csv", ".txt", ".npy")


@dataclasses.dataclass(frozen=True)
class PredictFlags:
    """Predict with a finished run, for the inputs of a file: a class a line, or probabilities."""

    input: Path | None = None
    """Inputs without labels: a table, an IDX file or an .npy array."""
    output: Path | None = None
    """What to write: .csv or .txt, a row for each input in the same order; or .npy."""
    probabilities: bool = False
    """Write the probability of every class instead of the most probable one."""
    seed: int | None = None
    """The member to use; default: the one that was best on validation."""
    ensemble: bool = False
    """Use the mean of all seeds but those that diverged."""
    setting: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A swept field and its value, such as `hidden=64`, for each of them; default: the selected setting."""
    platform: Literal["cpu", "cuda", "tpu"] | None = None
    """Where to run; default: the best there is."""
    debug: bool = False
    """Show tracebacks."""


@dataclasses.dataclass(frozen=True)
class EvaluateFlags:
    """Evaluate the members of the setting that a run selected on its data once more."""

    split: Literal["train", "validation", "test"] = "test"
    """Which rows of the data."""
    data_dir: str | None = None
    """Where the data are now; default: where they were."""
    platform: Literal["cpu", "cuda", "tpu"] | None = None
    """Where to run; default: the best there is."""
    debug: bool = False
    """Show tracebacks."""


@dataclasses.dataclass(frozen=True)
class ExportFlags:
    """Write a member of a finished run as a program and weights that need no jaxnn."""

    output: Path | None = None
    """A new or empty directory."""
    seed: int | None = None
    """The member to export; default: the one that was best on validation."""
    setting: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A swept field and its value, such as `hidden=64`, for each of them; default: the selected setting."""
    debug: bool = False
    """Show tracebacks."""


def leading_run(arguments: Sequence[str], command: str) -> tuple[Path, Sequence[str]]:
    """The directory of a run that comes first, and the rest; for `--help` alone, the rest prints the help.

    Raises:
        InputError: no directory, or not that of a run.
    """
    if arguments and not arguments[0].startswith("-"):
        path = Path(arguments[0])
        if not set(arguments) & {"-h", "--help"}:
            check_is_run(path)  # before the options are looked at: without a run they have no meaning
        return path, arguments[1:]
    if set(arguments) & {"-h", "--help"}:
        return Path(), ["--help"]
    raise InputError(f"`jaxnn {command}` needs the directory of a run first: `jaxnn {command} runs/NAME`.")


def predict_command(arguments: Sequence[str]) -> int:
    """`jaxnn predict RUN --input FILE --output FILE`."""
    path, rest = leading_run(arguments, "predict")
    flags = parse(PredictFlags, PredictFlags(), rest, prog="jaxnn predict RUN")
    source, target = _needed("input", flags.input), _needed("output", flags.output)
    _check_target(source, target)
    if flags.ensemble and flags.seed is not None:
        raise InputError("`--ensemble` uses all seeds, `--seed` one: leave out one of them.")
    runtime.start(platform=flags.platform, debug=flags.debug)
    run = load_run(path, setting=_setting(flags.setting), seed=flags.seed)
    if flags.probabilities and not run.tells_classes:
        raise InputError("`--probabilities` needs a network that tells classes apart; this one gives numbers.")
    x = read_any_inputs(source, run.info)
    found = ensemble(run, x) if flags.ensemble else predictions(run, x)
    if run.tells_classes and not flags.probabilities:
        found = found.argmax(axis=-1).astype(np.int32)
    _write(target, found, run)
    print(f"{target}: {len(found):,} predictions by {_predictors(run) if flags.ensemble else f'seed {run.seed}'}")
    return 0


def evaluate_command(arguments: Sequence[str]) -> int:
    """`jaxnn evaluate RUN`: the means of its metrics with intervals, and whether they are as recorded."""
    path, rest = leading_run(arguments, "evaluate")
    flags = parse(EvaluateFlags, EvaluateFlags(), rest, prog="jaxnn evaluate RUN")
    runtime.start(platform=flags.platform, debug=flags.debug)
    found = evaluate_run(path, split=flags.split, data_dir=flags.data_dir)
    recorded = load_run(path).results
    for name, metric in found.data_vars.items():
        if metric.dims != ("seed",):
            continue
        interval = stats.t_interval(metric.values)
        mean, low, high = (float(value) for value in (interval.mean, interval.low, interval.high))
        ends = interval_label(str(name), low, high)
        print(f"{metric_label(str(name)):<20} {metric_value(str(name), mean)} [{ends}]")
        if name in recorded and recorded[name].dims == ("seed",):
            print(f"{'':<20} {_compared(recorded[name].values, metric.values)}")
    return 0


def _predictors(run: LoadedRun) -> str:
    """The seeds of an ensemble, in words."""
    count = int(run.usable.sum())
    if count == len(run.seeds):
        return f"all {count} seeds"
    return f"{count} of {len(run.seeds)} seeds: the others diverged"


def _compared(recorded: np.ndarray, found: np.ndarray) -> str:
    """Whether metrics of the seeds, NaN of those that diverged, are as they were recorded."""
    if (np.isnan(recorded) != np.isnan(found)).any():
        return "differs from the record in which seeds diverged"
    worst = float(np.nan_to_num(np.abs(recorded - found)).max())
    return "as recorded" if worst == 0 else f"differs from the record by up to {worst:.2g}"


def export_command(arguments: Sequence[str]) -> int:
    """`jaxnn export RUN --output DIR`."""
    path, rest = leading_run(arguments, "export")
    flags = parse(ExportFlags, ExportFlags(), rest, prog="jaxnn export RUN")
    folder = _needed("output", flags.output)
    run = load_run(path, setting=_setting(flags.setting), seed=flags.seed)
    for file in export_run(run, folder):
        print(f"{file}  {file.stat().st_size:,} bytes")
    print("loaded back in a process without jaxnn, and the same")
    return 0


def _needed(name: str, value: Any) -> Any:
    if value is None:
        raise InputError(f"`--{name}` must be given.")
    return value


def _setting(words: Sequence[str]) -> dict[str, Any] | None:
    """The setting that words such as `hidden=64`, or `network=relu-adam` of variants, name; None without any."""
    if not words:
        return None
    # A name that is no field may be that of variants, whose values are names too; `load_run` knows which there are.
    fields, setting = [], {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.strip().replace("-", "_") not in sweepable():
            setting[name.strip()] = value.strip()
        else:
            fields.append(word)
    for name, values in parse_sweep(fields).items():
        if len(values) != 1:
            raise InputError(f"`--setting {name}` must have one value; got {len(values)}.")
        setting[name] = swept_value_coordinate(values[0])
    return setting


def _check_target(source: Path, target: Path) -> None:
    if target.suffix not in FORMATS:
        raise InputError(f"`--output {target}` must end in one of {', '.join(FORMATS)}.")
    if not target.parent.is_dir():
        raise InputError(f"`--output {target}` must be in a directory that exists; `{target.parent}` does not.")
    if target.exists() and source.exists() and target.samefile(source):
        raise InputError(f"`--output {target}` is the input: choose another.")


def _write(target: Path, found: np.ndarray, run: LoadedRun) -> None:
    """Write predictions under another name first: a reader sees all of them, or none."""
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    try:
        if target.suffix == ".npy":
            np.save(partial, found, allow_pickle=False)
        else:
            with partial.open("w", encoding="utf-8", newline="") as file:
                _write_table(file, found, run)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _write_table(file: TextIO, found: np.ndarray, run: LoadedRun) -> None:
    """Names of classes, a line each, or numbers under the names of their classes; quoted where they must be."""
    writer, names = csv.writer(file, lineterminator="\n"), run.info.class_names
    if found.dtype == np.int32:
        writer.writerows([names[label]] for label in found)
        return
    if run.tells_classes:
        writer.writerow(names)
    np.savetxt(file, found.reshape(len(found), -1), fmt="%.9g", delimiter=",")
