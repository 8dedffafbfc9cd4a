"""The members of a run on its data once more: are they what was recorded?"""

import dataclasses
from pathlib import Path
from typing import Literal

import xarray as xr

from jaxnn.data import Data, load_config, moved_to
from jaxnn.errors import InputError, unknown
from jaxnn.saved.load import LoadedRun, load_run
from jaxnn.study.results import test_members

SPLITS = ("train", "validation", "test")


def evaluate_run(
    path: Path | str, *, split: Literal["train", "validation", "test"] = "test", data_dir: str | None = None
) -> xr.Dataset:
    """Metrics of the members of the setting that a run selected, over `seed`, named as the study names them.

    For the test split they are those that `results.nc` has; other splits are for the members at their best epochs.

    Args:
        path: the directory of the run.
        split: of its data.
        data_dir: where the data are now; None is where they were.

    Raises:
        InputError: not a finished run, or the data are not those of the run.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    run = load_run(path, retrained=split == "test")
    data = _same_data(run, split, data_dir)
    rows = getattr(data, split)
    if not len(rows.x):
        raise InputError(f"`split` {split} has no rows in this run: choose another.")
    judged = dataclasses.replace(data, test=rows)
    variables = run.members["params"], run.members["batch_stats"]
    metrics = test_members(run.recipe, judged, variables, seeds=run.seeds, has_result=run.usable)
    return metrics.rename({name: str(name).replace("test_", f"{split}_") for name in metrics.data_vars})


def _same_data(run: LoadedRun, split: str, data_dir: str | None) -> Data:
    config = run.config.data if data_dir is None else moved_to(run.config.data, data_dir)
    data = load_config(config)
    for name in (f"{split}.x", f"{split}.y"):
        expected, found = run.info.sha256.get(name), data.info.sha256.get(name)
        if found != expected:
            raise InputError(
                f"`{name}` of `{run.info.name}` must have SHA-256 {expected}, as in the run; got {found}: name the "
                "folder of its data with `--data-dir`."
            )
    return data
