"""What docs/security.md says, tried.  Oracle: a file that would be there if somebody's code had run."""

import ast
import contextlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import jaxnn
from jaxnn.checkpoint import CheckpointError, load_last, save_checkpoint
from jaxnn.checkpoint.manifest import read_manifest, write_manifest
from jaxnn.cli.resume import _experiment
from jaxnn.data import DataConfig, DataInfo, load
from jaxnn.errors import InputError
from jaxnn.saved import read_any_inputs
from jaxnn.study.reading import read_study
from jaxnn.study.rundir import check_free, clear

PACKAGE = Path(jaxnn.__file__).parent
SOURCES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
UNPICKLERS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "torch", "yaml"}
UNPACKERS = {"tarfile"}
# It executes jaxnn's own source with a bug planted in it, to see whether the gradient checker finds it.
EXECUTES = {"backprop/mutate.py"}


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mknod, (str(self.path),)


@pytest.fixture
def bomb(tmp_path):
    """(the bytes of a pickle, the file that it makes); it works."""
    path = tmp_path / "exploded"
    content = pickle.dumps(Bomb(path))
    pickle.loads(content)
    assert path.exists()
    path.unlink()
    return content, path


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def arguments(call: ast.Call) -> dict[str, object]:
    return {word.arg: getattr(word.value, "value", None) for word in call.keywords if word.arg}


@pytest.mark.parametrize("source", SOURCES)
def test_no_source_unpickles_unpacks_evaluates_or_uses_a_shell(source):
    tree = SOURCES[source]
    assert not imported(tree) & (UNPICKLERS | UNPACKERS)
    for call in calls(tree):
        name = called(call)
        plain_name = isinstance(call.func, ast.Name)
        if source not in EXECUTES:
            assert not (plain_name and name in ("eval", "exec", "compile", "__import__")), ast.unparse(call)
            assert name != "import_module", ast.unparse(call)
        assert name not in ("unpack_archive", "extractall", "extract", "system", "popen"), ast.unparse(call)
        assert not arguments(call).get("shell"), ast.unparse(call)
        assert arguments(call).get("allow_pickle") in (None, False), ast.unparse(call)
        if ast.unparse(call.func) in ("np.load", "numpy.load"):
            assert arguments(call).get("allow_pickle") is False, ast.unparse(call)


def test_code_is_run_from_files_in_one_place_only():
    assert [source for source, tree in SOURCES.items() if "runpy" in imported(tree)] == ["discover.py"]


def test_pickles_given_as_inputs_do_not_explode(bomb, tmp_path):
    content, exploded = bomb
    info: DataInfo = load("moons", num_examples=60).info
    array = np.empty((1, 2), object)
    array[0, 0] = Bomb(exploded)
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    (tmp_path / "x.pkl").write_bytes(content)
    for name in ("x.npy", "x.pkl"):
        with pytest.raises(InputError):
            read_any_inputs(tmp_path / name, info)
    with pytest.raises(InputError):
        load("csv", path=tmp_path / "x.pkl")
    assert not exploded.exists()


def test_pickles_in_a_checkpoint_do_not_explode(bomb, tmp_path):
    """In the place of each file in turn, with a manifest that says that they belong there."""
    content, exploded = bomb
    folder = tmp_path / "program"
    save_checkpoint(folder, 1, {"a": np.arange(3)}, {})
    files = [path for path in (folder / "000001").rglob("*") if path.is_file()]
    for path in files:
        damaged = tmp_path / "damaged"
        shutil.copytree(folder, damaged)
        inside = damaged / path.relative_to(folder)
        inside.write_bytes(content)
        if path.name != "manifest.json":
            _forge(damaged / "000001", str(path.relative_to(folder / "000001")))
        with contextlib.suppress(CheckpointError):  # a file that nothing reads does no harm
            assert np.array_equal(load_last(damaged).arrays["a"], np.arange(3))
        shutil.rmtree(damaged)
    assert not exploded.exists()


def _forge(checkpoint: Path, name: str) -> None:
    """A manifest that expects file `name` as it is now."""
    from jaxnn.checkpoint.manifest import file_sha256

    manifest, path = read_manifest(checkpoint), checkpoint / name
    entry = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
    write_manifest(checkpoint, manifest._replace(files={**manifest.files, name: entry}))


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "arrays/link"])
def test_a_manifest_cannot_name_files_outside_of_its_checkpoint(tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "program"
    save_checkpoint(folder, 1, {"a": np.arange(3)}, {})
    (folder / "000001" / "arrays" / "link").symlink_to(tmp_path / "secret")
    _forge(folder / "000001", name)
    with pytest.raises(CheckpointError, match="is outside of its checkpoint"):
        load_last(folder)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("model", "model", "os.system"),
        ("model", "activation", "jax.numpy.save"),
        ("model", "kernel_init", "builtins.exec"),
        ("training", "optimizer", "subprocess.run"),
        ("training", "loss", "__import__('os')"),
        ("data", "dataset", "../../etc/passwd"),
    ],
)
def test_a_configuration_cannot_name_code(section, field, value):
    from jaxnn.study import StudyConfig, plan_study
    from jaxnn.study.rundir import plain

    description = {"config": plain(StudyConfig()), "sweep": {}}
    description["config"][section][field] = value
    with pytest.raises(InputError, match="is not a known"):
        plan_study(*read_study(description))


def test_unknown_fields_and_wrong_types_are_refused():
    from jaxnn.study import StudyConfig
    from jaxnn.study.rundir import plain

    for section, field, value in (
        ("training", "callback", "os.system"),
        ("training", "epochs", "5"),
        ("model", "hidden", [16.5]),
        ("hparams", "learning_rate", True),
        ("data", "train", {"rows": 5}),
    ):
        description = {"config": plain(StudyConfig()), "sweep": {}}
        description["config"][section][field] = value
        with pytest.raises(InputError, match=field):
            read_study(description)
    for broken in ({}, {"config": [], "sweep": {}}, {"config": {}, "sweep": {"hidden": 5}}):
        with pytest.raises(InputError):
            read_study(broken)


@pytest.mark.parametrize("name", ["../evil", "evil", "/tmp/evil", "os", ""])
def test_a_run_cannot_name_the_experiment_that_is_executed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "evil.py", tmp_path.parent / "evil.py"):
        path.write_text("open('exploded', 'w')")
    assert _experiment({"experiment": name, "question": "?"}).presets == {}
    assert not (tmp_path / "exploded").exists()


def test_only_runs_are_cleared_and_links_are_not_followed(tmp_path):
    mine, run = tmp_path / "mine", tmp_path / "run"
    mine.mkdir()
    (mine / "file").write_text("mine")
    with pytest.raises(InputError, match="is not a run of jaxnn"):
        check_free(mine, overwrite=True)
    run.mkdir()
    (run / "config.json").write_text(json.dumps({}))
    (run / "figures").symlink_to(mine)
    clear(run)
    assert list(run.iterdir()) == []
    assert (mine / "file").read_text() == "mine"


def test_data_options_are_plain_values():
    """No field of the configuration takes an object that could carry code."""
    assert all(type(value) in (str, int, bool, tuple, type(None)) for value in vars(DataConfig()).values())
