"""Checkpoints by themselves.  Oracle: the arrays that were given, compared byte for byte."""

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxnn.checkpoint import (
    CheckpointError,
    DamageWarning,
    Saver,
    load_checkpoint,
    load_last,
    save_checkpoint,
    saved_numbers,
    steps,
)

ARRAYS = {
    "params/layers_0/kernel": np.linspace(-1, 1, 42, dtype=np.float32).reshape(2, 3, 7),
    "not a number, with its payload": np.array([0x7FC00001, 0xFFC12345], np.uint32).view(np.float32),
    "minus zero": np.array([-0.0, 0.0], np.float32),
    "step": np.array(7, np.int32),
    "bits": np.array([1, 2**32 - 1], np.uint32),
    "flags": np.array([True, False]),
    "nothing yet": np.zeros((2, 0), np.float32),
}


def as_bytes(arrays):
    return {name: (a.shape, str(a.dtype), a.tobytes()) for name, a in arrays.items()}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A folder with the checkpoints 1 and 2."""
    folder = tmp_path_factory.mktemp("saved")
    for number in (1, 2):
        save_checkpoint(folder, number, ARRAYS, {"number": number})
    return folder


@pytest.fixture
def copied(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def test_every_bit_comes_back(saved):
    checkpoint = load_last(saved)
    assert checkpoint.number == 2
    assert checkpoint.about == {"number": 2}
    assert as_bytes(checkpoint.arrays) == as_bytes(ARRAYS)


def test_damage_to_any_file_is_named_and_the_one_before_is_used(copied):
    """Every file of the last checkpoint in turn: one bit flipped at three places, cut short, emptied, deleted."""
    whole = {path: path.read_bytes() for path in files_of(copied / "000002")}
    assert len(whole) > 5
    for path, content in whole.items():
        for damage in damages(content):
            if damage is None:
                path.unlink()
            else:
                path.write_bytes(damage)
            with pytest.warns(DamageWarning) as warned:
                checkpoint = load_last(copied)
            path.write_bytes(content)
            assert checkpoint.number == 1, path
            assert as_bytes(checkpoint.arrays) == as_bytes(ARRAYS), path
            assert path.name in str(warned[0].message), path
            assert str(copied / "000001") in str(warned[0].message)
    assert load_last(copied).number == 2


def damages(content: bytes):
    """A bit flipped at the start, in the middle and at the end; half of it; none of it; another one; deleted."""
    for position in {0, len(content) // 2, len(content) - 1} if content else ():
        flipped = bytearray(content)
        flipped[position] ^= 1
        yield bytes(flipped)
    if len(content) > 1:
        yield content[: len(content) // 2]
    yield b"" if content else b"x"
    yield b"[]"
    yield None


def test_expected_and_found_hash_are_said(copied):
    path = max(files_of(copied / "000002" / "arrays"), key=lambda path: path.stat().st_size)
    path.write_bytes(bytes([path.read_bytes()[0] ^ 128]) + path.read_bytes()[1:])
    with pytest.warns(DamageWarning, match=r"must have SHA-256 [0-9a-f]{64}; got [0-9a-f]{64}"):
        load_last(copied)


def test_an_array_of_another_shape_or_dtype_is_named(saved):
    good = {name: (a.shape, str(a.dtype)) for name, a in ARRAYS.items()}
    assert load_last(saved, lambda number: good).number == 2
    for wrong, message in (
        (good | {"step": ((), "int64")}, r"`step` must be int64 of shape \(\); got int32 of shape \(\)"),
        (good | {"bits": ((3,), "uint32")}, r"`bits` must be uint32 of shape \(3,\); got uint32 of shape \(2,\)"),
        (good | {"more": ((), "int32")}, r"`more` must be int32 of shape \(\); got absent"),
        ({k: v for k, v in good.items() if k != "flags"}, r"`flags` must be absent; got bool"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_last(saved, lambda number, wrong=wrong: wrong)


def test_what_only_looks_like_a_checkpoint(copied):
    """An empty directory and a file with the names of steps are passed over by name; other names are not steps."""
    (copied / "000007").mkdir()
    (copied / "000008").write_text("")
    (copied / "unfinished" / "arrays").mkdir(parents=True)
    (copied / "12").mkdir()
    with pytest.warns(DamageWarning) as warned:
        assert load_last(copied).number == 2
    assert [name for name in ("000007", "000008") for w in warned if name in str(w.message)] == ["000007", "000008"]


def test_none_that_is_whole_is_an_error_that_names_all(copied):
    for number in (1, 2):
        (copied / f"{number:06d}" / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* is whole: .*000002.*000001"):
        load_last(copied)


def test_no_checkpoints_are_none(tmp_path):
    assert load_last(tmp_path) is None
    assert load_last(tmp_path / "absent") is None


def test_the_last_ones_are_kept(tmp_path):
    for number in (1, 2, 5, 9):
        save_checkpoint(tmp_path, number, ARRAYS, {}, keep=2)
    assert saved_numbers(tmp_path) == [5, 9]


def test_damaged_later_ones_make_way(copied):
    """After a walk back, training comes past the damaged number again, or stops short of it."""
    (copied / "000002" / "manifest.json").unlink()
    (copied / "000004").mkdir()
    save_checkpoint(copied, 2, ARRAYS, {"again": True})
    assert saved_numbers(copied) == [1, 2]
    assert load_last(copied).about == {"again": True}


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def wrong_bits(folder, arrays):
    steps_write_arrays(folder, {name: a[..., ::-1] if a.ndim == 3 else a for name, a in arrays.items()})


steps_write_arrays = steps.write_arrays


@pytest.mark.parametrize(
    ("broken", "message"),
    [(full_disk, "No space left"), (wrong_bits, "array `params/layers_0/kernel` must be")],
)
def test_a_save_that_went_wrong_is_loud_and_costs_nothing(copied, monkeypatch, broken, message):
    """Also one that Orbax reports as done, but that reads back as something else."""
    monkeypatch.setattr(steps, "write_arrays", broken)
    with pytest.raises(CheckpointError, match=f"could not be saved: .*{message}"), Saver() as saver:
        saver.save(copied, 3, ARRAYS, {})
    assert sorted(path.name for path in copied.iterdir()) == ["000001", "000002"]
    assert as_bytes(load_last(copied).arrays) == as_bytes(ARRAYS)


def test_a_failed_save_comes_out_of_the_next_call(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "write_arrays", full_disk)
    saver = Saver()
    saver.save(tmp_path, 1, ARRAYS, {})
    with pytest.raises(CheckpointError, match="No space left"):
        saver.save(tmp_path, 2, ARRAYS, {})
    saver.wait()


def test_an_error_of_training_is_not_hidden_by_one_of_saving(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "write_arrays", full_disk)

    def train():
        with Saver() as saver:
            saver.save(tmp_path, 1, ARRAYS, {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()


def test_too_little_space_is_said_before_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(steps.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(CheckpointError, match=r"needs 0\.0 MiB, and 0\.0 MiB are free"):
        save_checkpoint(tmp_path, 1, ARRAYS, {})
    assert list(tmp_path.iterdir()) == []


def test_one_checkpoint_by_number(saved):
    assert load_checkpoint(saved, 1).about == {"number": 1}
    with pytest.raises(CheckpointError, match=r"000003.*manifest\.json` is missing"):
        load_checkpoint(saved, 3)
