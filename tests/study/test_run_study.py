"""What a study leaves behind: a directory with its configuration, log, results, figures and report."""

import dataclasses
import json
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tiny_studies import BLOBS, tiny_config, tiny_data

from jaxnn.data import DataConfig, moved_to
from jaxnn.errors import InputError
from jaxnn.study import ModelConfig, StudyConfig, TrainConfig, plan_study, run_study, rundir
from jaxnn.study.describe import About, describe_study, log_lines
from jaxnn.study.identity import check_continues
from jaxnn.study.training import Progress
from jaxnn.types import Hparams

CONFIG = tiny_config(hidden=(3,), l2=0.01, epochs=4, eval_every=2, select_on="val_accuracy")
SWEEP = {"learning_rate": (0.05, 0.1), "hidden": ((3,), ())}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(results, directory) of a study of two programs, four settings and two seeds."""
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    return run_study(CONFIG, SWEEP, name="tiny", question="Does it work?", output=directory), directory


def test_the_directory_is_complete(finished):
    _, directory = finished
    names = {path.name for path in directory.iterdir()}
    assert {"config.json", "log.jsonl", "results.nc", "figures", "report.html"} <= names
    assert "INCOMPLETE" not in names
    for metric in ("val_loss", "val_accuracy"):
        assert (directory / "figures" / f"{metric}.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_is_one_file_about_this_study(finished):
    page = (finished[1] / "report.html").read_text(encoding="utf-8")
    assert "Does it work?" in page
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", page) == [], "it must need no other file"


def test_results_on_disk_are_those_returned(finished):
    results, directory = finished
    with xr.open_dataset(directory / "results.nc", engine="h5netcdf") as saved:
        xr.testing.assert_identical(saved.load(), results)
    assert results.sizes == {
        "learning_rate": 2, "hidden": 2, "seed": 2, "epoch": 2, "true": 3, "predicted": 3
    }  # fmt: skip
    assert results.attrs["num_members"] == 8
    assert results.attrs["num_programs"] == 2
    assert results.attrs["experiment"] == "tiny"


def test_the_log_has_one_line_for_every_member_and_record(finished):
    """Oracle: the results; no line is missing, none is there twice."""
    results, directory = finished
    lines = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 4 * 2 * 2
    keys = {(line["learning_rate"], tuple(line["hidden"]), line["seed"], line["epoch"]) for line in lines}
    assert len(keys) == len(lines)
    for line in lines:
        hidden = {(3,): 3, (): "none"}[tuple(line["hidden"])]
        place = results.sel(learning_rate=line["learning_rate"], hidden=str(hidden), seed=line["seed"])
        for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
            assert line[name] == pytest.approx(float(place[name].sel(epoch=line["epoch"])), rel=1e-6)


def test_what_is_not_finite_is_null_in_the_log():
    """JSON has no word for it, and a reader in another language would refuse Python's."""
    plan = plan_study(tiny_config(epochs=2, seeds=1), {"activation": ("relu",)}, load=tiny_data)
    history, none = {"val_loss": np.array([[0.5, np.nan]], np.float32)}, np.zeros(1, np.int32)
    chunk = Progress(0, 0, 2, history, none, none, examples=1, seconds=1.0)
    place = '{"activation": "relu", "seed": 0, "epoch": '
    assert list(log_lines(plan, chunk)) == [f'{place}1, "val_loss": 0.5}}\n', f'{place}2, "val_loss": null}}\n']


def rebuilt(plain, kind):
    """A frozen dataclass from its JSON: lists were tuples."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    return kind(**values)


def test_the_configuration_on_disk_is_enough_to_run_the_study_again(finished):
    """Rebuilt by hand from the JSON it equals what was run; the data have the hashes of the data."""
    description = json.loads((finished[1] / "config.json").read_text())
    sections = {"data": DataConfig, "model": ModelConfig, "training": TrainConfig, "hparams": Hparams}
    config = description["config"]
    parts = {name: rebuilt(config[name], kind) for name, kind in sections.items()}
    assert StudyConfig(**parts, seeds=config["seeds"], final=config["final"]) == CONFIG
    assert set(config) == {field.name for field in dataclasses.fields(StudyConfig)}
    assert description["sweep"] == {"learning_rate": [0.05, 0.1], "hidden": [[3], []]}
    assert description["seeds"] == [0, 1]
    assert list(description["data_sha256"].values()) == [tiny_data(BLOBS).info.sha256]
    assert {"jax", "jaxnn", "python", "numpy"} <= set(description["versions"])
    assert {"commit", "device", "platform", "cores", "date", "command"} <= set(description)


def test_the_files_of_the_data_are_found_from_any_folder():
    """As they are described; and in a folder where they have come to be."""
    config = tiny_config(data=DataConfig("csv", path="some/table.csv"))
    plan = plan_study(config, {}, load=lambda _: tiny_data(BLOBS))
    described = describe_study(About("study", ""), plan, {})["config"].data
    assert described.path == str(Path.cwd() / "some" / "table.csv")
    assert moved_to(described, "/elsewhere").path == "/elsewhere/table.csv"
    assert moved_to(DataConfig("mnist"), "/elsewhere") == DataConfig("mnist", data_dir="/elsewhere")


def test_a_run_keeps_its_directory_from_the_next(finished):
    """Refused without `--overwrite`, and every file is what it was."""
    _, directory = finished
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"`--output .*tiny` holds an earlier run: .*`--overwrite` to replace it"):
        run_study(CONFIG, SWEEP, output=directory)
    after = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert after == before


def test_overwriting_replaces_a_run_whole(tmp_path):
    config = tiny_config(model="linear", hidden=None, epochs=1, seeds=1)
    run_study(config, {}, output=tmp_path / "run")
    (tmp_path / "run" / "figures" / "old.png").write_bytes(b"old")
    results = run_study(config, {"learning_rate": (0.5,)}, output=tmp_path / "run", overwrite=True)
    assert not (tmp_path / "run" / "figures" / "old.png").exists()
    assert results["learning_rate"].values.tolist() == [0.5]
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["learning_rate"] for line in lines] == [0.5]
    assert np.isfinite(results["test_loss"]).all()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_that_is_no_run_is_never_touched(tmp_path, overwrite):
    """Whatever is asked: a folder with something else in it stays as it is."""
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"is not a run of jaxnn.*choose another"):
        run_study(CONFIG, {}, output=tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_output_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("content")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            InputError, match=r"`--output .*` (must be a directory, and is a file|cannot be written)"
        ):
            run_study(CONFIG, {}, output=output)
    assert (tmp_path / "file").read_text() == "content"


def test_bad_input_leaves_no_directory(tmp_path):
    with pytest.raises(InputError, match="`epochs`"):
        run_study(tiny_config(epochs=0, eval_every=1), {}, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("written", [False, True])
def test_a_directory_that_nobody_named_goes_again_with_what_was_refused(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)

    def refuse():
        with rundir.output_directory(None, "moons") as directory:
            assert directory.is_dir()
            if written:
                (directory / "log.jsonl").touch()
            raise InputError("no")

    with pytest.raises(InputError, match="no"):
        refuse()
    assert [path.name for path in tmp_path.glob("runs/*/*")] == ["log.jsonl"] * written
    assert (tmp_path / "runs").exists() == written


def test_runs_of_one_second_have_directories_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [rundir.new_directory("moons", datetime(2026, 1, 31, 12)) for _ in range(3)]
    assert [path.name for path in found] == [f"moons-20260131-120000{end}" for end in ("", "-2", "-3")]


def test_of_two_studies_that_have_little_in_common_a_few_differences_are_listed():
    """The content of the data first, which no command shows; all of five, or four and how many more there are."""
    described = lambda value, number: {
        "config": {f"field_{index}": value for index in range(number)},
        "sweep": {},
        "seeds": [0],
        "data_sha256": value,
    }
    for number, end in ((4, "`config.field_3` was 0 and is 1: give"), (9, "6 more fields differ: give")):
        with pytest.raises(InputError, match=rf"`data_sha256` was 0 and is 1; `config.field_0` .*; {end}") as found:
            check_continues(described(0, number), described(1, number))
        assert str(found.value).count(" was 0 and is 1") == (5 if number == 4 else 4)
