"""A study in plain data: the content of config.json, the lines of the log, the attributes of the results."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xarray as xr

from jaxnn import stats
from jaxnn.data import DataConfig
from jaxnn.study.members import program_members
from jaxnn.study.outcome import Outcome
from jaxnn.study.plan import Plan
from jaxnn.study.rundir import plain
from jaxnn.study.training import Progress

if TYPE_CHECKING:  # matplotlib takes a second to import, and is needed only when training is over
    from matplotlib.figure import Figure


# Of a run that was extended: the epochs at which it had been finished before, and tested.
TESTED_AT = "tested_at"

# Whether a study has an analysis of its own, which is code, and not in its description.
ANALYSED = "analysed"


class About(NamedTuple):
    """What a study is called and asks."""

    name: str
    question: str


class Analysis(NamedTuple):
    """What somebody made of an outcome, to stand in its report.

    notes: sentences that answer further questions.
    tables: (heading, text table).
    figures: (file name, caption, figure); each is also saved under that name.
    """

    notes: Sequence[str] = ()
    tables: Sequence[tuple[str, str]] = ()
    figures: "Sequence[tuple[str, str, Figure]]" = ()


def no_analysis(outcome: Outcome) -> Analysis:
    """Nothing is made of an outcome."""
    return Analysis()


def describe_study(about: About, plan: Plan, surroundings: Mapping[str, Any]) -> dict[str, Any]:
    """The content of config.json: everything needed to run the study again, and to know whether it is the same."""
    hashes: dict[str, dict[str, str]] = {}
    for info in (setting.data.info for setting in plan.settings):
        if info.sha256 not in hashes.values():  # a sweep over the data has several sets of one name
            hashes[info.name if info.name not in hashes else f"{info.name}, {len(hashes)}"] = info.sha256
    return {
        "experiment": about.name,
        "question": about.question,
        "config": dataclasses.replace(plan.config, data=_with_whole_paths(plan.config.data)),
        "sweep": plan.sweep,
        "seeds": plan.seeds,
        "data_sha256": hashes,
        **surroundings,
    }


def describe_results(about: About, outcome: Outcome, surroundings: Mapping[str, Any]) -> xr.Dataset:
    """The results with the attributes that a report, or a reader years later, needs."""
    plan, trained, results = outcome.plan, outcome.trained, outcome.results
    best = stats.select(results, results.attrs["selected_on"], results.attrs["mode"])
    return results.assign_attrs(
        experiment=about.name,
        question=about.question,
        selected=json.dumps(best.setting if best else {}),
        final=plan.config.final,
        compile_seconds=sum(one.compile_seconds for one in trained),
        run_seconds=sum(one.run_seconds for one in trained),
        num_programs=len(plan.programs),
        num_members=len(plan.settings) * len(plan.seeds),
        device=surroundings["device"],
        date=surroundings["date"],
        commit=surroundings["commit"] or "",
        versions=json.dumps(surroundings["versions"]),
        command=surroundings["command"],
        **{TESTED_AT: json.dumps(surroundings.get(TESTED_AT, []))},
    )


def _with_whole_paths(data: DataConfig) -> DataConfig:
    """Data that are found from whatever folder the run is used in."""
    whole = {
        name: str(Path(value).expanduser().resolve())
        for name in ("path", "data_dir")
        if (value := getattr(data, name)) is not None
    }
    return dataclasses.replace(data, **whole)


def log_lines(plan: Plan, chunk: Progress, *, retraining: bool = False) -> Iterator[str]:
    """The lines of log.jsonl for a chunk: one for each record and member, marked where they are of a retraining.

    A line begins with its setting, which is encoded once for all records of a member: to encode it each time would
    take longer than a small network needs to train.
    """
    mark = {"retraining": True} if retraining else {}
    program = plan.programs[chunk.program]
    members = [
        json.dumps(plain({**mark, **plan.settings[setting].place, "seed": seed})).removesuffix("}")
        for setting, seed in program_members(plan, program)
    ]
    names = [json.dumps(name) for name in chunk.history]
    for record in range(chunk.first, chunk.last):
        epoch = (record + 1) * program.recipe.run.eval_every
        rows = zip(*(values[: len(members), record].tolist() for values in chunk.history.values()), strict=True)
        for member, row in zip(members, rows, strict=True):
            numbers = [value if math.isfinite(value) else "null" for value in row]  # JSON has no NaN
            metrics = ", ".join(map("{}: {}".format, names, numbers))
            yield f'{member}, "epoch": {epoch}, {metrics}}}\n'
