"""Every experiment runs at its quick size, as its user runs it: in a process of its own, to a complete directory.

Oracle of the numbers: scikit-learn's logistic regression on the same splits, which networks must at least match.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jaxnn.data import DataConfig, load_config
from jaxnn.discover import experiment_files, load_experiment, question_of
from jaxnn.study.results import load_dataset

EXPERIMENTS = experiment_files()


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


def test_directory_is_complete(quick_run):
    for name in ("config.json", "log.jsonl", "results.nc", "report.html", "summary.md"):
        assert (quick_run / name).stat().st_size > 0
    assert not (quick_run / "INCOMPLETE").exists()


def test_log_has_every_member_and_record_once(quick_run):
    results = load_dataset(quick_run / "results.nc")
    lines = [json.loads(line) for line in (quick_run / "log.jsonl").read_text().splitlines()]
    keys = {json.dumps({name: value for name, value in line.items() if "_" not in name}) for line in lines}
    assert len(lines) == len(keys) == results["val_loss"].size


def test_networks_match_logistic_regression(quick_run):
    results = load_dataset(quick_run / "results.nc")
    config = json.loads((quick_run / "config.json").read_text())["config"]["data"]
    data = load_config(DataConfig(**{**config, "features": tuple(config["features"])}))
    flat = lambda split: split.x.reshape(len(split.x), -1) * data.info.scale
    baseline = LogisticRegression(max_iter=2000).fit(flat(data.train), data.train.y)
    score = baseline.score(flat(data.test), data.test.y)
    assert float(results["test_accuracy"].mean()) >= score - 0.01
    assert np.isfinite(results["val_loss"]).all()


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_file_says_what_it_is(name):
    experiment = load_experiment(EXPERIMENTS[name])
    assert experiment.name == name
    assert set(experiment.presets) == {"quick", "cpu", "full"}
    assert question_of(EXPERIMENTS[name]).endswith("?")
