"""The commands for finished runs, from arguments to files and status.  Oracle: the functions they stand for."""

import csv
import gzip
import json
import shutil
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from jaxnn.cli import main, saved
from jaxnn.data import DataConfig, load
from jaxnn.saved import ensemble, listing, load_run, predictions
from jaxnn.study import ModelConfig, StudyConfig, TrainConfig, publish, run_study


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


def test_names_of_classes_are_read_back_as_they_were(tmp_path):
    """Oracle: the csv module.  Names may hold commas, quotes and letters that the locale has not."""
    names = ("Łódź, A", 'the "new" one', "Kraków")
    run = SimpleNamespace(info=SimpleNamespace(class_names=names), tells_classes=True)
    for found in (np.array([2, 0, 1], np.int32), np.array([[0.5, 0.25, 0.25]], np.float32)):
        saved._write(tmp_path / "out.csv", found, run)
        with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        classes = [[names[2]], [names[0]], [names[1]]]
        assert rows == (classes if found.ndim == 1 else [list(names), ["0.5", "0.25", "0.25"]])
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_failed_write_leaves_nothing(tmp_path):
    run = SimpleNamespace(info=SimpleNamespace(class_names=("a",)), tells_classes=True)
    with pytest.raises(IndexError):
        saved._write(tmp_path / "out.csv", np.array([0, 1], np.int32), run)
    assert list(tmp_path.iterdir()) == []


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

    assert main(["runs", str(root / "one"), str(root / "more")]) == 0
    listed = capsys.readouterr().out
    assert [name for name in ("one", "two", "cut") if name in listed] == ["one", "two"]

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
    shutil.copytree(root / "one", root / f".one.1{listing.REMOVED}")  # of a removal that was cut
    assert main(["runs", str(root)]) == 0
    assert listing.REMOVED not in capsys.readouterr().out
    assert main(["runs", "remove", str(root / "one"), "--yes"]) == 0
    shutil.rmtree(root / f".one.1{listing.REMOVED}")
    assert sorted(path.name for path in root.iterdir()) == ["cut", "more", "not-a-run"]
    monkeypatch.chdir(root / "more" / "two")
    assert main(["runs", "remove", ".", "--yes"]) == 0
    assert list((root / "more").iterdir()) == []


@pytest.mark.parametrize(("columns", "terminal"), [(40, False), (40, True), (250, True)])
def test_paths_of_runs_are_shown_whole(digits_run, tmp_path, capsys, monkeypatch, columns, terminal):
    """However narrow a terminal is, and of any width elsewhere: in the list, in its advice, side by side."""
    monkeypatch.chdir(tmp_path)
    paths = ["runs/moons-20260101-120000", "runs/of [a] much longer name"]
    for path in paths:
        shutil.copytree(digits_run, path)
    advice = f"continue with `jaxnn resume {paths[0]}`"
    mark = f'{{"state": "interrupted", "detail": "stopped and saved: {advice}", "date": "2026"}}'
    (tmp_path / paths[0] / "INCOMPLETE").write_text(mark)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert main(["runs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [sum(line.startswith(path) for line in lines) for path in paths] == [1, 1]
    assert any(advice in line for line in lines)
    assert main(["runs", "compare", *paths]) == 0
    assert any(all(path in line for path in paths) for line in capsys.readouterr().out.splitlines())


def test_in_a_terminal_other_cells_fold_between_words(digits_run, tmp_path, capsys, monkeypatch):
    """By hand: path, status, experiment and date take 26 + 11 + 10 + 10 to 16 of 108, the validation loss 10,
    gaps 10; some 27 to 31 are left for the advice of 90, in which the path of 27 is one word."""
    monkeypatch.chdir(tmp_path)
    path = "runs/moons-20260101-120000"
    shutil.copytree(digits_run, path)
    advice = f"stopped by SIGTERM and saved: continue with `jaxnn resume {path}`"
    (tmp_path / path / "INCOMPLETE").write_text(f'{{"state": "interrupted", "detail": "{advice}", "date": "2026"}}')
    monkeypatch.setenv("COLUMNS", "108")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["runs", "list"]) == 0
    _, first, *below = capsys.readouterr().out.splitlines()
    assert max(map(len, [first, *below])) <= 108
    assert first.startswith(f"{path}  interrupted")
    start = first.index("stopped")
    assert " ".join(line[start:].strip() for line in [first, *below]) == advice
    assert any(f"{path}`" in line for line in below)


@pytest.fixture(scope="module")
def csv_run(tmp_path_factory):
    """A run on a table whose label column has a name of its own."""
    folder = tmp_path_factory.mktemp("csv")
    rows = [f"{i % 7},{-i},{'odd' if i % 2 else 'even'}" for i in range(60)]
    (folder / "table.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n")
    config = StudyConfig(
        data=DataConfig("csv", path=str(folder / "table.csv"), label="kind"),
        model=ModelConfig("linear"),
        training=TrainConfig(epochs=1),
        seeds=1,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "publish", lambda *_: None)
        run_study(config, name="saved", output=folder / "run")
    return folder / "run"


def test_the_label_column_of_a_table_is_to_be_left_out_by_its_name(csv_run, tmp_path, capsys):
    """And without it the same table is predicted."""
    table, target = csv_run.parent / "table.csv", tmp_path / "p.txt"
    assert main(["predict", str(csv_run), "--input", str(table), "--output", str(target)]) == 2
    sentence = capsys.readouterr().err
    assert (
        "must have the 2 input columns of `csv` alone; got 3 columns: leave out what is no input, `kind`."
        in sentence
    )
    assert not target.exists()
    (tmp_path / "x.csv").write_text(
        "".join(row.rpartition(",")[0] + "\n" for row in table.read_text().splitlines())
    )
    assert main(["predict", str(csv_run), "--input", str(tmp_path / "x.csv"), "--output", str(target)]) == 0
    assert set(target.read_text().split()) <= {"odd", "even"}


@pytest.mark.parametrize(
    ("epochs", "changes", "message"),
    [
        (2, {}, "`--epochs` must be 3 or more; got 2: the run has 3 epochs, and can only be given more."),
        (0, {}, "`--epochs` must be 3 or more; got 0: the run has 3 epochs"),
        (2, {"eval_every": 3}, "`--epochs` must be 3 or more; got 2: the run has 3 epochs"),
        (4, {"eval_every": 3}, "a multiple of 3, the `eval_every` of this run; got 4: choose 6."),
        (9, {"sweep": {"epochs": [1, 3]}}, "`--epochs` must be left out: this run sweeps `epochs`."),
    ],
)
def test_a_run_can_only_be_given_more_epochs(digits_run, tmp_path, capsys, epochs, changes, message):
    copy = shutil.copytree(digits_run, tmp_path / "run")
    description = json.loads((copy / "config.json").read_text())
    description["sweep"] = changes.get("sweep", description["sweep"])
    description["config"]["training"]["eval_every"] = changes.get("eval_every", 1)
    (copy / "config.json").write_text(json.dumps(description))
    assert main(["resume", str(copy), "--epochs", str(epochs)]) == 2
    assert message in capsys.readouterr().err


def test_commands_want_a_run(tmp_path, capsys):
    for command in ("predict", "evaluate", "export", "resume"):
        assert main([command]) == 2
        assert "needs the directory of a run first" in capsys.readouterr().err
    assert main(["resume", str(tmp_path)]) == 2
    assert "is not the directory of a run" in capsys.readouterr().err
