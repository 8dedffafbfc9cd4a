"""Bad input on the command line: one sentence with the name in backticks, status 2, and nothing written."""

import os
import shutil
import stat
import subprocess
import sys
import warnings

import numpy as np
import pytest

from jaxnn.cli import main
from jaxnn.errors import InputError
from jaxnn.study.memory import Memory

RUN = "run widths --preset quick"

# A command, and what its sentence must hold: the name, the rule, the value found, the nearest name or the fix.
NAMES = {
    "rnu widths": "`rnu` is not a known command: did you mean `run`?",
    "run widhts": "`widhts` is not a known experiment: did you mean `widths`?",
    "run widths --preset quik": "`quik` is not a known preset: did you mean `quick`?",
    f"{RUN} --learnin-rate 1": "`--learnin-rate` is not a known option: did you mean `--learning-rate`?",
    f"{RUN} --dataset diggits": "`diggits` is not a known dataset: did you mean `digits`?",
    f"{RUN} --model mpl": "`mpl` is not a known model: did you mean `mlp`?",
    f"{RUN} --activation rleu": "`rleu` is not a known activation: did you mean `relu`?",
    f"{RUN} --optimizer adma": "`adma` is not a known optimizer: did you mean `adam`?",
    f"{RUN} --schedule cosin": "`cosin` is not a known schedule: did you mean `cosine`?",
    f"{RUN} --loss squared_eror": "`squared_eror` is not a known loss: did you mean `squared_error`?",
    f"{RUN} --kernel-init he_norml": "`he_norml` is not a known initializer: did you mean `he_normal`?",
    f"{RUN} --select-on val_los": "`--select-on` must be `val_loss` or `val_accuracy`; got 'val_los'",
    f"{RUN} --final beste": "`--final` must be `best` or `retrain` or `every`; got 'beste'",
    f"{RUN} --platform gpu": "`--platform` must be `cpu` or `cuda` or `tpu` or none; got 'gpu'",
    f"{RUN} --sweep learnin_rate=1": "`learnin_rate` is not a known field to sweep: did you mean `learning_rate`?",
    # what other libraries call it; the valid names are those of the configuration
    f"{RUN} --lr 0.1": "`--lr` is not a known option: did you mean `--learning-rate`?",
    f"{RUN} --wd 0.1": "did you mean `--weight-decay`?",
    f"{RUN} --dropout 0.1": "did you mean `--dropout-rate`?",
    f"{RUN} --bs 8": "did you mean `--batch-size`?",
    f"{RUN} --epoch 8": "did you mean `--epochs`?",
    f"{RUN} --val_split 0.1": "did you mean `--validation`?",
    f"{RUN} --sweep lr=0.1,1": "`lr` is not a known field to sweep: did you mean `learning_rate`?",
    f"{RUN} --sweep dropout=0.1": "did you mean `dropout_rate`?",
    f"{RUN} --sweep bs=8": "did you mean `batch_size`?",
    "summary mpl": "`mpl` is not a known model: did you mean `mlp`?",
    "summary cnn --layers cnov:8": "`cnov:8` is not a layer: did you mean `conv`?",
    "data diggits": "`diggits` is not a known data set: did you mean `digits`?",
    "data moons --output moons.gif": "`.gif` is not a known figure format: choose one of `.png`, `.svg`",
}
FORMS = {
    "run": "`jaxnn run` must be followed by the name of its experiment",
    "summary": "`jaxnn summary` must be followed by the name of its model",
    "data": "`jaxnn data` must be followed by the name of its data set",
    "list everything": "`jaxnn list` takes no arguments; got `everything`",
    f"{RUN} more": "`more` is one argument too many",
    f"{RUN} --epochs": "`--epochs` must be a whole number; got nothing",
    f"{RUN} --epochs many": "`--epochs` must be a whole number; got 'many'",
    f"{RUN} --epochs 1.5": "`--epochs` must be a whole number; got '1.5'",
    f"{RUN} --learning-rate fast": "`--learning-rate` must be a number; got 'fast'",
    f"{RUN} --batch-size half": "`--batch-size` must be a whole number or `full`; got 'half'",
    f"{RUN} --batch-norm yes": "`--batch-norm` must be true or false or none; got 'yes'",
    f"{RUN} --hidden wide": "`--hidden` must be whole numbers or none; got 'wide': write `--hidden 16 8`",
    f"{RUN} --hidden 10,10": "got '10,10': write `--hidden 10 10`",
    f"{RUN} --hidden=10-20-5": "got '10-20-5': write `--hidden 10 20 5`",
    f"{RUN} --sweep hidden=4+4": "`hidden` must be whole numbers or none; got `4+4`: write `hidden=4-4`",
    f"{RUN} --sweep hidden=8,wide": "got `wide`: write `hidden=16-8`",
    f"{RUN} --sweep features=x1-x2": "`features` must be words; got `x1-x2`: write `features=x1+x2`",
    f"{RUN} --features x1,x2": "`--features` must be words, each an argument of its own; got 'x1,x2': write "
    "`--features x1 x2`",
    f"{RUN} --standardize=yes": "`--standardize` must be true or false; got 'yes'",
    f"{RUN} --overwrite maybe": "`maybe` is one argument too many",
    f"{RUN} --sweep epochs": "`--sweep epochs` must be a field and its values",
    f"{RUN} --sweep epochs=1,x": "`epochs` must be a whole number; got `x`",
    f"{RUN} --sweep epochs=1,1": "`epochs` is swept over 1 twice",
    "gradcheck --mutate --model mlp": "`--mutate` plants bugs in the pairs, `--model` checks a network",
    f"{RUN} --epochs 3 --sweep epochs=1,2": "`epochs` is swept and given one value too: leave out one of them",
}
NUMBERS = {
    f"{RUN} --learning-rate 0": "`learning_rate` must be a finite number in (0, inf); got 0.0",
    f"{RUN} --learning-rate nan": "`learning_rate` must be a finite number in (0, inf); got nan",
    f"{RUN} --learning-rate inf": "`learning_rate` must be a finite number in (0, inf); got inf",
    f"{RUN} --sweep learning_rate=0.1,-1": "`learning_rate` must be a finite number in (0, inf); got -1.0",
    f"{RUN} --dropout-rate 1": "`dropout_rate` must be a finite number in [0, 1); got 1.0",
    f"{RUN} --label-smoothing 1.2": "`label_smoothing` must be a finite number in [0, 1); got 1.2",
    f"{RUN} --optimizer momentum --momentum 1": "`momentum` must be a finite number in [0, 1); got 1.0",
    f"{RUN} --momentum 0.9": "`momentum` is not used by the optimizer `adam`",
    f"{RUN} --epochs 0": "`epochs` must be a whole number of 1 or more; got 0",
    f"{RUN} --eval-every 7": "`eval_every` must divide `epochs`; got 7 for 30",
    f"{RUN} --seeds 0": "`seeds` must be a whole number of 1 or more; got 0",
    f"{RUN} --batch-size 0": "`batch_size` must be a whole number of 1 or more; got 0",
    f"{RUN} --batch-size 100000": "`batch_size` must be at most the 1079 training examples of `digits`; got 100000",
    f"{RUN} --hidden 16 0": "`hidden` must be a whole number of 1 or more; got 0",
    f"{RUN} --checkpoint-minutes -1": "`checkpoint_minutes` must be a finite number in [0, inf); got -1.0",
    "summary mlp --num-outputs 0": "`num_outputs` must be a whole number of 1 or more; got 0",
    "summary mlp --input-shape 0": "`--input-shape` must be whole numbers of 1 or more; got (0,)",
    "summary mlp --input-shape": "`--input-shape` must be whole numbers of 1 or more; got ()",
}
# The preset of widths sweeps the fields of an mlp: `--sweep none` drops that.
SHAPES_AND_DATA = {
    f"{RUN} --sweep none --model lenet": "layer 3 of the network, Conv(20)",
    f"{RUN} --sweep none --model cnn --layers conv:3:9:1:valid": "a window of (9, 9)",
    f"{RUN} --sweep none --model cnn --layers conv:3 --dataset moons": "takes 4 axes, (batch, height, width, chan",
    f"{RUN} --sweep none --model linear --dropout-rate 0.5": "`dropout_rate` is given, but this `linear` has no",
    f"{RUN} --sweep none --model linear --hidden 3": "`hidden` is not used by the model `linear`",
    f"{RUN} --dataset plane": "`select_on` val_accuracy needs class labels",
    f"{RUN} --dataset plane --loss softmax_cross_entropy": "`loss` softmax_cross_entropy needs class labels",
    f"{RUN} --dataset moons --noise -1": "`noise` must be",
    f"{RUN} --dataset digits --noise 1": "`noise` must be left out for `digits`",
    "run moons --preset quick --dataset csv": "`num_examples` must be left out for `csv`, which has no such option"
    "; got 1400. It is for `moons`, `blobs`, `circle`, `gauss`, `xor`, `spiral`, `spiral_k`, `plane`, "
    "`multi_gauss`. What a preset gives is left out by `--num-examples none --noise none`.",
    "run moons --preset quick --num-examples 500": "`test` must be a count from 0 to the 500 rows there are; got "
    "1000: ask for fewer, or leave it to its default (`--test none`)",
    f"{RUN} --validation 0": "`validation` must leave validation rows",
    f"{RUN} --validation 100000": "`validation` must be a count",
    f"{RUN} --train 0": "`train` must be a count",
    f"{RUN} --dataset csv": "`path` must be given for `csv`",
    f"{RUN} --dataset csv --path nothing.csv": "`nothing.csv` must be a readable file",
    f"{RUN} --dataset two_d/5": "`two_d/5` is not a known dataset",
    "summary lenet --input-shape 784": "layer 0 of the network, Conv(10): `Conv` takes 4 axes",
    "data digits --output nowhere/digits.png": "`--output nowhere/digits.png` must be in a directory that exists",
}  # fmt: skip
COMMANDS = NAMES | FORMS | NUMBERS | SHAPES_AND_DATA


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Every command runs in a folder of its own, and JAX keeps the devices of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxnn.runtime.start", lambda **_: None)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)


def refused(capsys, arguments):
    """The sentence of a command that must be refused: status 2, one line on standard error, nothing else."""
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("\n")
    assert shown.err.count("\n") == 1, shown.err
    assert "Traceback" not in shown.err
    assert shown.err.startswith("jaxnn: ")
    return shown.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistake_is_one_sentence_and_leaves_nothing(command, capsys, tmp_path):
    sentence = refused(capsys, command.split())
    assert COMMANDS[command] in sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hidden", "10 10"], "got '10 10': write `--hidden 10 10`"),
        (["--sweep", "hidden=4 4"], "`hidden` must be whole numbers or none; got `4 4`: write `hidden=4-4`"),
        (["--layers", "conv:8:3 relu dense:4"], "write `--layers conv:8:3 relu dense:4`, without quotes or commas"),
        (["--layers=conv:8, relu"], "got 'conv:8, relu': write `--layers conv:8 relu`"),
        (["--sweep", "layers=conv:8 relu"], "must be words or none; got `conv:8 relu`: write `layers=conv:8+relu`"),
    ],
)  # fmt: skip
def test_several_values_in_one_argument_are_told_how_they_are_written(words, message, capsys, tmp_path):
    assert message in refused(capsys, [*RUN.split(), *words])
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_is_there_is_kept(capsys, tmp_path):
    """Unless `--overwrite` is given, under its usual name and under another."""
    for name, output in (("moons.png", []), ("mine.svg", ["--output", "mine.svg"])):
        (tmp_path / name).write_text("mine")
        sentence = refused(capsys, ["data", "moons", *output])
        assert f"`--output {name}` is there already: `--overwrite` to replace it, or choose another" in sentence
        assert (tmp_path / name).read_text() == "mine"
        assert main(["data", "moons", *output, "--overwrite"]) == 0
        assert (tmp_path / name).stat().st_size > 1000
        capsys.readouterr()


def test_a_message_of_several_lines_is_written_as_one(capsys, monkeypatch):
    def fail():
        raise InputError("`name` must be\n    something else.")

    monkeypatch.setattr("jaxnn.data.available", fail)
    assert refused(capsys, ["list"]) == "jaxnn: `name` must be something else.\n"


def write_table(path, labels, values=None):
    """A table of two numbers and a label a row."""
    values = np.arange(len(labels)) % 5 if values is None else values
    rows = [f"{value},{-i},{label}" for i, (value, label) in enumerate(zip(values, labels, strict=True))]
    path.write_text("\n".join(["a,b,label", *rows]) + "\n")


GOOD = [0, 1] * 20


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        # 17 good rows and the header stand before it
        (GOOD, [1.0] * 17 + ["nan"] + [1.0] * 22, "the first in line 19, column 0 (`a`): 'nan'"),
        (GOOD, [1.0] * 17 + ["-inf"] + [1.0] * 22, "the first in line 19, column 0 (`a`): '-inf'"),
        (GOOD, [1.0] * 17 + ["one"] + [1.0] * 22, "line 19, column 0 (`a`): 'one'"),
        (
            GOOD,
            ["red", "blue"] * 20,
            "every cell of `a` is text, such as 'red' in line 2; leave out such a column, or encode",
        ),
        ([], [], "`table.csv` must"),
    ],
    ids=["nan", "infinity", "a word", "words", "empty"],
)
def test_bad_values_in_a_table_are_named_with_their_place(labels, values, message, capsys, tmp_path):
    write_table(tmp_path / "table.csv", labels, values)
    sentence = refused(capsys, [*RUN.split(), "--dataset", "csv", "--path", "table.csv"])
    assert message in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_foreign_directory_is_refused_and_kept(capsys, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    for more in ([], ["--overwrite"], ["--resume"]):
        sentence = refused(capsys, [*RUN.split(), "--output", "out", *more])
        assert "`--output out` is not a run of jaxnn" in sentence
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_an_output_that_is_a_file_is_refused(capsys, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert "`--output out` must be a directory, and is a file" in refused(capsys, [*RUN.split(), "--output", "out"])
    sentence = refused(capsys, [*RUN.split(), "--output", "out/below"])
    assert "`--output out/below`" in sentence
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_directory_is_refused(capsys, tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert "cannot be written: Permission denied" in refused(capsys, [*RUN.split(), "--output", "out"])
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_file_system_that_cannot_be_written_is_refused(capsys, tmp_path, monkeypatch):
    """What a read-only file system says to everybody, the superuser too."""

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    sentence = refused(capsys, [*RUN.split(), "--output", "out"])
    assert "`--output out` cannot be written: Read-only file system; choose another directory" in sentence


def test_a_full_disk_is_refused_before_anything_is_trained(capsys, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    sentence = refused(capsys, [*RUN.split(), "--output", "out"])
    assert "`--output out` needs about" in sentence
    assert "0.0 MiB are free there: choose another directory" in sentence
    assert list(tmp_path.iterdir()) == []


def test_a_population_too_large_for_memory_is_refused_before_anything_is_allocated(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("jaxnn.study.memory.free_memory", lambda: Memory(10**6, 10**6))
    sentence = refused(capsys, [*RUN.split(), "--output", "out"])
    assert "members of one program, which need about" in sentence
    assert "use fewer seeds or settings, or smaller layers" in sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", ["run widths --learning-rate nan --preset quick", "summary mlp --activation rleu"]
)
def test_in_a_process_of_its_own_it_is_status_2_and_one_line(command, tmp_path):
    """The real thing: JAX starts, and still nothing but the sentence is written."""
    script = "import sys; from jaxnn.cli import main; sys.exit(main())"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *command.split()],
        capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("jaxnn: `")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []
