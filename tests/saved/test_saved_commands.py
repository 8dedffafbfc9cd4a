"""The commands for finished runs, from arguments to files and status.  Oracle: the functions they stand for."""

import gzip
import shutil
import struct

import numpy as np
import pytest

from jaxnn.cli import main
from jaxnn.data import load
from jaxnn.saved import ensemble, load_run, predictions


@pytest.fixture(scope="module")
def x():
    return load("digits", train=300, validation=60, test=50).test.x


@pytest.fixture
def inputs(x, tmp_path):
    """The same inputs as a table with header, an array, an IDX file and a gzipped one."""
    table = [",".join(f"p{i}" for i in range(64)), *(",".join(map(str, row.reshape(-1))) for row in x)]
    (tmp_path / "x.csv").write_text("\n".join(table[1:]) + "\n")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "flat.npy", x.reshape(-1, 64))
    idx = struct.pack(">HBB3I", 0, 8, 3, *x.shape[:3]) + x.tobytes()
    (tmp_path / "x-idx3-ubyte").write_bytes(idx)
    (tmp_path / "x-idx3-ubyte.gz").write_bytes(gzip.compress(idx))
    return tmp_path


@pytest.fixture(autouse=True)
def started(monkeypatch):
    """JAX runs already here, as the tests want it."""
    monkeypatch.setattr("jaxnn.runtime.start", lambda **options: None)


@pytest.mark.parametrize("name", ["x.csv", "x.npy", "flat.npy", "x-idx3-ubyte", "x-idx3-ubyte.gz"])
def test_every_form_of_input_gives_a_class_a_line_in_order(digits_run, inputs, x, name, capsys):
    target = inputs / "classes.txt"
    assert main(["predict", str(digits_run), "--input", str(inputs / name), "--output", str(target)]) == 0
    expected = predictions(load_run(digits_run), x).argmax(-1)
    assert target.read_text().splitlines() == [str(label) for label in expected]
    assert "50 predictions by seed" in capsys.readouterr().out


def test_probabilities_as_csv_and_npy(digits_run, inputs, x):
    for name in ("p.csv", "p.npy"):
        arguments = [
            "--input",
            str(inputs / "x.npy"),
            "--output",
            str(inputs / name),
            "--probabilities",
            "--ensemble",
        ]
        assert main(["predict", str(digits_run), *arguments]) == 0
    expected = ensemble(load_run(digits_run), x)
    np.testing.assert_array_equal(np.load(inputs / "p.npy"), expected)
    header, *rows = (inputs / "p.csv").read_text().splitlines()
    assert header == "0,1,2,3,4,5,6,7,8,9"
    np.testing.assert_array_equal(np.float32([row.split(",") for row in rows]), expected)


def test_a_seed_and_a_setting_by_name(digits_run, inputs, x):
    target = inputs / "p.npy"
    words = ["--setting", "hidden=7", "--setting", "learning_rate=1e-2", "--seed", "2", "--probabilities"]
    assert (
        main(["predict", str(digits_run), "--input", str(inputs / "x.npy"), "--output", str(target), *words]) == 0
    )
    run = load_run(digits_run, setting={"hidden": 7, "learning_rate": 0.01}, seed=2)
    np.testing.assert_array_equal(np.load(target), predictions(run, x))


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_a_run_that_is_not_there_is_what_is_wrong_first(tmp_path, command, capsys):
    assert main([command, str(tmp_path / "nowhere")]) == 2
    assert "nowhere` is not the directory of a run" in capsys.readouterr().err


@pytest.mark.parametrize("variant", ["relu-adam", "tanh-sgd"])
def test_a_variant_is_a_setting_by_its_name(variants_run, tmp_path, variant):
    x = np.float32([[0.5, -1.0], [2.0, 0.25]])
    np.savetxt(tmp_path / "x.csv", x, delimiter=",")
    files = ["--input", str(tmp_path / "x.csv"), "--output", str(tmp_path / "p.npy")]
    assert main(["predict", str(variants_run), *files, "--setting", f"network={variant}", "--probabilities"]) == 0
    run = load_run(variants_run, setting={"network": variant})
    assert run.config.model.activation == variant.partition("-")[0]
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), predictions(run, x))


@pytest.mark.parametrize(("word", "valid"), [("network=relu-adan", "relu-adam"), ("netwrok=relu-adam", "network")])
def test_a_misspelt_setting_is_refused_with_the_valid_ones(variants_run, tmp_path, word, valid, capsys):
    (tmp_path / "x.csv").write_text("1,2\n")
    files = ["--input", str(tmp_path / "x.csv"), "--output", str(tmp_path / "p.npy")]
    assert main(["predict", str(variants_run), *files, "--setting", word]) == 2
    assert valid in capsys.readouterr().err
    assert not (tmp_path / "p.npy").exists()


def test_a_table_is_mapped_and_standardised_as_in_training(table_run, tmp_path):
    """The two raw columns go in; the set the run was trained on has its mapped ones."""
    raw = load("moons", num_examples=120)
    mapped = load("moons", num_examples=120, features=("x1", "x2", "x1x2"), standardize=True)
    np.savetxt(tmp_path / "x.csv", raw.test.x, fmt="%.9g", delimiter=",")
    target = tmp_path / "p.npy"
    arguments = ["--input", str(tmp_path / "x.csv"), "--output", str(target), "--probabilities"]
    assert main(["predict", str(table_run), *arguments]) == 0
    np.testing.assert_allclose(np.load(target), predictions(load_run(table_run), mapped.test.x), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "x.npy"], "`--output` must be given"),
        (["--output", "p.csv"], "`--input` must be given"),
        (["--input", "absent.npy", "--output", "p.csv"], "must be a readable file"),
        (["--input", "x.npy", "--output", "p.json"], "must end in one of .csv, .txt, .npy"),
        (["--input", "x.npy", "--output", "x.npy"], "is the input"),
        (["--input", "x.npy", "--output", "no/p.csv"], "in a directory that exists"),
        (
            ["--input", "x.npy", "--output", "p.csv", "--seed", "9"],
            "`seed` must be one of the run's, 0, 1, 2; got 9",
        ),
        (["--input", "x.npy", "--output", "p.csv", "--seed", "1", "--ensemble"], "leave out one of them"),
        (["--input", "x.npy", "--output", "p.csv", "--setting", "hidden=5"], "`learning_rate` is swept"),
        (["--input", "wide.npy", "--output", "p.csv"], "64 numbers each, at least one; got the shape (2, 3)"),
        (["--input", "float.npy", "--output", "p.csv"], "must hold uint8, as `digits` does"),
        (["--input", "objects.npy", "--output", "p.csv"], "must be an .npy file of numbers"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(digits_run, inputs, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(inputs)
    np.save("wide.npy", np.zeros((2, 3), np.uint8))
    np.save("float.npy", np.zeros((2, 64), np.float32))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    before = {path.name: path.read_bytes() for path in inputs.iterdir()}
    assert main(["predict", str(digits_run), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jaxnn: ")
    assert message in line
    assert {path.name: path.read_bytes() for path in inputs.iterdir()} == before


def test_evaluate_says_whether_it_is_as_recorded(digits_run, capsys):
    assert main(["evaluate", str(digits_run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines[1::2]] == ["as recorded"] * 2
    assert lines[0].startswith("test accuracy")


def test_export_names_its_files(digits_run, tmp_path, capsys):
    assert main(["export", str(digits_run), "--output", str(tmp_path / "new")]) == 0
    assert "weights.safetensors" in capsys.readouterr().out


def test_runs_are_listed_shown_compared_and_removed(digits_run, table_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    root = tmp_path / "runs"
    shutil.copytree(digits_run, root / "one")
    shutil.copytree(table_run, root / "more" / "two")
    cut = shutil.copytree(digits_run, root / "cut")
    (cut / "INCOMPLETE").write_text('{"state": "running", "detail": "process 1 on x", "date": "2026"}')
    (root / "not-a-run").mkdir()

    assert main(["runs", str(root)]) == 0
    listed = capsys.readouterr().out
    assert [name for name in ("one", "two", "cut", "not-a-run") if name in listed] == ["one", "two", "cut"]
    assert "killed" in listed

    assert main(["runs", "show", str(root / "one")]) == 0
    assert "selected setting     hidden" in capsys.readouterr().out

    assert main(["runs", "compare", str(root / "one"), str(root / "more" / "two")]) == 0
    compared = capsys.readouterr().out
    assert "training.batch_size" in compared
    assert "training.optimizer" not in compared, "it is the same in both"

    assert main(["runs", "remove", str(root / "one")]) == 2
    assert "add `--yes`" in capsys.readouterr().err
    assert main(["runs", "remove", str(root / "not-a-run"), "--yes"]) == 2
    assert (root / "one" / "config.json").is_file()
    assert main(["runs", "remove", str(root / "one"), "--yes"]) == 0
    assert sorted(path.name for path in root.iterdir()) == ["cut", "more", "not-a-run"]
    monkeypatch.chdir(root / "more" / "two")
    assert main(["runs", "remove", ".", "--yes"]) == 0
    assert list((root / "more").iterdir()) == []


def test_commands_want_a_run(tmp_path, capsys):
    for command in ("predict", "evaluate", "export", "resume"):
        assert main([command]) == 2
        assert "needs the directory of a run first" in capsys.readouterr().err
    assert main(["resume", str(tmp_path)]) == 2
    assert "is not the directory of a run" in capsys.readouterr().err
