"""Runs cut and resumed in this process.  Oracle: the same study trained in one go, compared to the bit."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest
import tiny_run
from durability_checks import assert_same_run, file_hashes

from jaxnn.checkpoint import CheckpointError, DamageWarning
from jaxnn.errors import InputError
from jaxnn.study import CheckpointConfig, ResumeWarning, outcome, plan_study, runner, train_study, training
from jaxnn.study.identity import check_continues
from jaxnn.study.rundir import run_status
from jaxnn.study.runner import untouched_programs

RECORDS = tiny_run.EPOCHS  # of a program; the study has two, and then retrains


class Cut(Exception):
    """What ends a study here."""


@pytest.fixture
def cut(tmp_path, monkeypatch):
    """cut(count) -> the directory of the study, ended by an exception before its chunk number `count`."""

    def make(count: int, **options) -> Path:
        def fall():
            raise Cut

        output = tmp_path / "run"
        with monkeypatch.context() as patch:
            patch.setattr(training, "advance", training.advance)
            tiny_run.watch("training", tiny_run.at(count, fall))
            with pytest.raises(Cut):
                tiny_run.run(output, **options)
        return output

    return make


def with_training(**changes):
    return dataclasses.replace(tiny_run.CONFIG, training=dataclasses.replace(tiny_run.CONFIG.training, **changes))


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(1, id="before the first record"),
        pytest.param(4, id="within the first program"),
        pytest.param(RECORDS + 1, id="between the programs"),
        pytest.param(2 * RECORDS, id="before the last record"),
        pytest.param(2 * RECORDS + 2, id="while retraining"),
    ],
)
def test_a_resumed_run_ends_with_the_same_bits(cut, uninterrupted, count):
    output = cut(count)
    assert run_status(output).state == "failed"
    tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)


def test_only_programs_that_were_not_begun_are_compiled_ahead(cut):
    """The first program goes on from its checkpoint, which a compilation from the start would not serve."""
    plan = plan_study(tiny_run.CONFIG, tiny_run.SWEEP)
    output = cut(4)
    assert untouched_programs(plan, output) == plan.programs[1:]


def test_a_cut_before_anything_was_saved(cut, uninterrupted):
    """What came after the last checkpoint (here: all) is trained again, and is in the log once."""
    output = cut(3, checkpoints=CheckpointConfig(checkpoint_minutes=60))
    assert len((output / "log.jsonl").read_text().splitlines()) > 1
    assert not (output / "checkpoints").exists()
    tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)


def test_resuming_a_finished_run_changes_nothing(uninterrupted):
    before = file_hashes(uninterrupted)
    results = tiny_run.run(uninterrupted, resume=True)
    assert file_hashes(uninterrupted) == before
    assert set(results.dims) >= {"batch_size", "learning_rate", "seed", "epoch"}


def test_the_command_of_a_resumed_run_is_the_one_that_makes_it_again(cut, monkeypatch):
    output = cut(4)
    started = json.loads((output / "config.json").read_text())["command"]
    monkeypatch.setattr(sys, "argv", ["jaxnn", "resume", "run"])
    assert tiny_run.run(output, resume=True).attrs["command"] == started != "jaxnn resume run"


def test_what_is_on_disk_already_needs_no_space(cut, uninterrupted, monkeypatch):
    """A finished run is read on a full disk, and a cut one asks only for what is missing of it."""
    full = shutil.disk_usage(uninterrupted)._replace(free=0)
    monkeypatch.setattr(runner.shutil, "disk_usage", lambda path: full)
    tiny_run.run(uninterrupted, resume=True)
    monkeypatch.undo()
    plan = plan_study(tiny_run.CONFIG, tiny_run.SWEEP)
    sizes = [runner.snapshot_bytes(plan, program) for program in plan.programs]
    output = cut(2 * RECORDS)
    tight = full._replace(free=2 * max(sizes))  # less than three snapshots of each, with four on disk
    monkeypatch.setattr(runner.shutil, "disk_usage", lambda path: tight)
    runner.check_space(plan, output)
    with pytest.raises(InputError, match="for checkpoints"):
        runner.check_space(plan, output.with_name("new"))


def test_resume_where_there_is_nothing_starts(uninterrupted, tmp_path):
    tiny_run.run(tmp_path / "new", resume=True)
    assert_same_run(tmp_path / "new", uninterrupted)


def test_more_epochs_extend_a_run(uninterrupted, tmp_path, monkeypatch):
    """A run of 4 epochs, resumed with 6, is the run of 6: the early-stopped stay so, the history grows."""
    output = tmp_path / "run"
    first = tiny_run.run(output, config=with_training(epochs=4))
    monkeypatch.setattr(sys, "argv", ["jaxnn", "resume", "run", "--epochs", "6"])
    extended = tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)
    assert first.attrs["tested_at"] == "[]"
    assert extended.attrs["tested_at"] == "[4]"
    assert extended.attrs["command"] == f"{first.attrs['command']} && jaxnn resume run --epochs 6"


def test_a_changed_study_is_refused_with_what_differs(uninterrupted):
    before = file_hashes(uninterrupted)
    changed = dataclasses.replace(with_training(patience=3, epochs=8), seeds=4)
    with pytest.raises(InputError) as refused:
        tiny_run.run(uninterrupted, config=changed, resume=True)
    for part in ("`config.training.patience` was 1 and is 3", "`config.seeds` was 3 and is 4", "was 6 and is 8"):
        assert part in str(refused.value)
    with pytest.raises(InputError, match=r"`config.training.epochs` was 6 and is 5"):
        tiny_run.run(uninterrupted, config=with_training(epochs=5), resume=True)
    assert file_hashes(uninterrupted) == before


@pytest.mark.parametrize("schedule", ["cosine", "warmup_cosine", "one_cycle"])
def test_a_schedule_that_knows_its_end_is_not_extended(schedule):
    """Its rates at the epochs that are trained already would have been others."""
    config = {"training": {"epochs": 4, "schedule": schedule}}
    more = {"training": {"epochs": 6, "schedule": schedule}}
    rest = {"seeds": [0], "data_sha256": {}}
    for old, new in (
        (rest | {"config": config, "sweep": {}}, rest | {"config": more, "sweep": {}}),
        (
            rest | {"config": config, "sweep": {"schedule": ["constant", schedule]}},
            rest | {"config": more, "sweep": {"schedule": ["constant", schedule]}},
        ),
    ):
        with pytest.raises(InputError, match=r"`config.training.epochs` was 4 and is 6"):
            check_continues(old, new)


def test_changed_data_are_refused(cut, monkeypatch):
    """The configuration is the same, the arrays are not: as when a file has been replaced."""
    output = cut(2)
    description = json.loads((output / "config.json").read_text())
    hashes = next(iter(description["data_sha256"].values()))
    hashes["train.x"] = "0" * 64
    (output / "config.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"`data_sha256\.moons\.train\.x` was '0000"):
        tiny_run.run(output, resume=True)


def test_another_environment_is_named(cut, uninterrupted):
    output = cut(3)
    description = json.loads((output / "config.json").read_text())
    description["versions"]["jax"] = "0.4.1"
    description["cores"] = 64
    (output / "config.json").write_text(json.dumps(description))
    with pytest.warns(ResumeWarning, match=r"`jax` was 0\.4\.1 and is .*; `cores` was 64 and is"):
        tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)


def test_a_damaged_checkpoint_costs_an_epoch(cut, uninterrupted):
    output = cut(RECORDS + 4)
    folder = output / "checkpoints" / "program-1"
    (folder / "000003" / "arrays" / "state" / "manifest.ocdbt").write_bytes(b"")
    with pytest.warns(DamageWarning, match=r"000003.*manifest\.ocdbt` must have .* bytes; got 0; going on from"):
        tiny_run.run(output, resume=True)
    assert_same_run(output, uninterrupted)


def test_nothing_whole_is_an_error_and_destroys_nothing(cut):
    output = cut(4)
    log = (output / "log.jsonl").read_bytes()
    for path in (output / "checkpoints").rglob("manifest.json"):
        path.unlink()
    with pytest.raises(CheckpointError, match=r"no checkpoint in .*program-0` is whole"):
        tiny_run.run(output, resume=True)
    assert (output / "log.jsonl").read_bytes() == log
    assert run_status(output).state == "failed"


def test_checkpoints_of_another_study_are_not_used(cut, tmp_path):
    """Somebody copied them into place; shapes and dtypes fit."""
    output = cut(3)
    other = tmp_path / "other"
    shutil.copytree(output, other)
    description = json.loads((other / "config.json").read_text())
    description["config"]["hparams"]["dropout_rate"] = 0.3
    (other / "config.json").write_text(json.dumps(description))
    changed = dataclasses.replace(
        tiny_run.CONFIG, hparams=dataclasses.replace(tiny_run.CONFIG.hparams, dropout_rate=0.3)
    )
    with pytest.raises(CheckpointError, match="checkpoints of another study"):
        tiny_run.run(other, config=changed, resume=True)


def test_checkpoints_of_another_program_are_not_used(cut):
    """Two programs of one study whose arrays are alike."""
    sweep = {"label_smoothing": (0.0, 0.1), "activation": ("relu", "tanh")}
    output = cut(RECORDS + 2, sweep=sweep)
    first, second = (output / "checkpoints" / f"program-{position}" for position in (0, 1))
    shutil.rmtree(first)
    second.rename(first)
    with pytest.raises(CheckpointError, match="checkpoints of other settings of the study"):
        tiny_run.run(output, sweep=sweep, resume=True)


def test_a_checkpoint_of_another_last_training_is_not_used(cut, monkeypatch):
    """On another machine the last bits may select another setting than that whose last training was begun."""
    output = cut(2 * RECORDS + 2)
    select = outcome.selected_setting
    monkeypatch.setattr(outcome, "selected_setting", lambda plan, results: select(plan, results) ^ 1)
    with pytest.raises(CheckpointError, match="final` holds checkpoints of another last training"):
        tiny_run.run(output, resume=True)


def test_training_as_a_library_touches_no_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = []
    active = [True]
    sys.addaudithook(lambda event, args: _note_writes(event, args, written) if active[0] else None)
    train_study(plan_study(with_training(epochs=1), {}))
    active[0] = False
    assert list(tmp_path.iterdir()) == []
    assert not [path for path in written if "compiled" not in path]


def _note_writes(event, args, written) -> None:
    if event == "open" and isinstance(args[0], str) and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        written.append(args[0])
