"""Every experiment runs at its quick size, as its user runs it: in a process of its own, to a complete directory.

Oracle of the numbers: a classifier that knows the most frequent class alone, and where a line nearly does,
scikit-learn's logistic regression on the same splits, which networks must at least match.
"""

import json
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jaxnn import stats
from jaxnn.data import load_config
from jaxnn.discover import experiment_files, load_experiment, question_of
from jaxnn.experiment import Preset
from jaxnn.study.reading import read_study
from jaxnn.study.results import load_dataset
from jaxnn.study.rundir import part_names, read_description, run_status

pytestmark = pytest.mark.once

EXPERIMENTS = experiment_files()
NEARLY_LINEAR = ("moons", "widths")


@pytest.fixture(scope="module", params=sorted(EXPERIMENTS))
def quick_run(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param) / "run"
    command = [sys.executable, str(EXPERIMENTS[request.param]), "--preset", "quick", "--output", str(directory)]
    done = subprocess.run(
        [*command, "--platform", "cpu"], cwd=directory.parent, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"report: {directory / 'report.html'}"
    return directory


def studies(run):
    """The directories of all studies of a run: its own, those of its parts, or none."""
    names = part_names(read_description(run))
    return [run] if names is None else [run / name for name in names]


def test_directory_is_complete(quick_run):
    for folder in {quick_run, *studies(quick_run)}:
        assert run_status(folder).state == "complete"
        for name in ("config.json", "report.html", "summary.md"):
            assert (folder / name).stat().st_size > 0


def test_the_command_is_the_one_that_needs_no_file(quick_run):
    command = f"jaxnn run {quick_run.parent.name[:-1]} --preset quick --output {quick_run} --platform cpu"
    assert {read_description(folder)["command"] for folder in (quick_run, *studies(quick_run))} == {command}


def test_log_has_every_member_and_record_once(quick_run):
    for folder in studies(quick_run):
        results = load_dataset(folder / "results.nc")
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        lines = [line for line in lines if "retraining" not in line]
        dims = [*stats.setting_dims(results), "seed", "epoch"]
        keys = {json.dumps([line[dim] for dim in dims]) for line in lines}
        assert len(lines) == len(keys) == results["val_loss"].size


def test_networks_learn_something(quick_run):
    """Every study selects a setting whose members all got through; with classes, better than the most frequent."""
    for folder in studies(quick_run):
        results = load_dataset(folder / "results.nc")
        best = stats.select(results, results.attrs["selected_on"], results.attrs["mode"])
        assert best.interval.excluded == 0
        if "confusion" in results:
            counts = results["confusion"].sum(("seed", "predicted"))
            assert float(results["test_accuracy"].mean()) > float(counts.max() / counts.sum())
        if quick_run.parent.name[:-1] in NEARLY_LINEAR:
            data = load_config(read_study(read_description(folder))[0].data)
            flat = lambda split, scale=data.info.scale: split.x.reshape(len(split.x), -1) * scale
            line = LogisticRegression(max_iter=2000).fit(flat(data.train), data.train.y)
            assert float(results["test_accuracy"].mean()) >= line.score(flat(data.test), data.test.y) - 0.01
            assert np.isfinite(results["val_loss"]).all()


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_file_says_what_it_is(name):
    experiment = load_experiment(EXPERIMENTS[name])
    assert experiment.name == name
    assert set(experiment.presets) == {"quick", "cpu", "full"}
    for preset in experiment.presets.values():
        assert isinstance(preset, Preset | Mapping) or callable(preset)
    assert question_of(EXPERIMENTS[name]).endswith("?")
