"""The `jaxnn` command: what it shows, how words become flags, and a study from the command line."""

import dataclasses
import json
import re
import subprocess
import sys
import warnings

import pytest
import xarray as xr
from compilations import recorded_compilations
from synthetic_experiments import SUMS, TWO

import jaxnn
from jaxnn import data
from jaxnn.cli import experiment_main, main
from jaxnn.cli.main import COMMANDS
from jaxnn.cli.parse import flag_types, parse
from jaxnn.cli.run import RunFlags
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.errors import InputError
from jaxnn.study import StudyConfig, memory
from jaxnn.study.memory import Memory


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Nothing is left in the checkout, and JAX keeps the devices of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxnn.runtime.start", lambda **_: None)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)


def test_no_command_is_a_question_for_help(capsys):
    assert main([]) == 2
    usage = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == usage
    for command in ("list", "run", "summary", "data"):
        assert f"\n  {command} " in usage


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == jaxnn.__version__


def test_a_misspelt_option_is_told_the_nearest(capsys):
    assert main(["--verson"]) == 2
    assert "did you mean `--version`?" in capsys.readouterr().err


def test_list_shows_every_experiment_and_every_data_set(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out.split()
    for name in [*experiment_files(), *data.available()]:
        assert name in shown


def test_summary_prints_the_table_of_the_model(capsys):
    """A LeNet has 21,840 parameters; 4*5 + 5 + 5*3 + 3 = 43."""
    assert main(["summary", "lenet"]) == 0
    assert "Parameters: 21,840 (21,840 trainable, 0 not)" in capsys.readouterr().out
    assert main(["summary", "mlp", "--hidden", "5", "--input-shape", "4", "--num-outputs", "3"]) == 0
    assert "Parameters: 43 (43 trainable, 0 not)" in capsys.readouterr().out
    assert (
        main(["summary", "cnn", "--layers", "conv:4:3:1:valid", "relu", "maxpool", "--input-shape", "8", "8", "1"])
        == 0
    )
    assert "(6, 6, 4)" in capsys.readouterr().out


def test_data_shows_what_a_set_is_and_draws_samples(capsys, tmp_path):
    assert main(["data", "digits", "--output", "samples.png"]) == 0
    shown = capsys.readouterr().out
    assert "1,079 training, 359 validation, 359 test" in shown
    assert "(8, 8, 1) uint8, scaled by 0.0625" in shown
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "section", "field", "value"),
    [
        ("--learning-rate 0.5", "hparams", "learning_rate", 0.5),
        ("--learning_rate=0.5", "hparams", "learning_rate", 0.5),
        ("--hidden 16 8", "model", "hidden", (16, 8)),
        ("--hidden none", "model", "hidden", ()),
        ("--hidden=none", "model", "hidden", ()),
        ("--layers conv:8 relu", "model", "layers", ("conv:8", "relu")),
        ("--batch-size full", "training", "batch_size", "full"),
        ("--batch-size 7", "training", "batch_size", 7),
        ("--patience 3", "training", "patience", 3),
        ("--patience none", "training", "patience", None),
        ("--loss none", "training", "loss", None),
        ("--batch-norm true", "model", "batch_norm", True),
        ("--batch-norm=false", "model", "batch_norm", False),
        ("--noise none", "data", "noise", None),
        ("--validation 0.25", "data", "validation", 0.25),
        ("--validation 25", "data", "validation", 25),
        ("--standardize", "data", "standardize", True),
        ("--standardize true", "data", "standardize", True),
        ("--standardize --standardize false", "data", "standardize", False),
        ("--no-standardize --standardize", "data", "standardize", True),
        ("--features x1 x2", "data", "features", ("x1", "x2")),
        ("--layers conv:8:3 dropout:1e-3", "model", "layers", ("conv:8:3", "dropout:1e-3")),
        ("--select-on val_accuracy", "training", "select_on", "val_accuracy"),
    ],
)
def test_flags_are_the_fields_of_the_configuration(words, section, field, value):
    default = RunFlags(StudyConfig())
    config = parse(RunFlags, default, words.split(), prog="jaxnn run").config
    found = getattr(getattr(config, section), field)
    assert found == value
    assert type(found) is type(value)
    # The one field, and nothing else, has changed.
    part = dataclasses.replace(getattr(default.config, section), **{field: value})
    assert config == dataclasses.replace(default.config, **{section: part})


@pytest.mark.parametrize("word", ["--standardize=false", "--standardize false", "--no-standardize"])
@pytest.mark.parametrize("usual", [True, False])
def test_what_a_preset_switches_on_is_switched_off(word, usual):
    """And what it has off is off; the same options do for the presets of all parts."""
    default = RunFlags(StudyConfig(data=data.DataConfig(standardize=usual, features=("x1",))))
    found = parse(RunFlags, default, [*word.split(), "--features", "none"], prog="jaxnn run").config
    assert found == StudyConfig()
    assert parse(RunFlags, default, ["--standardize"], prog="jaxnn run").config.data.standardize is True


def test_a_table_of_ones_own_replaces_the_data_of_a_preset(capsys, tmp_path):
    """With the options that the messages of its refusals name."""
    rows = [f"{i},{-i},{i * i % 7},{'odd' if i % 2 else 'even'}" for i in range(150)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,c,kind", *rows]) + "\n")
    words = "run moons --preset quick --dry-run --dataset csv --path table.csv"
    for advice, refusal in (
        ("", "left out by `--num-examples none --noise none`"),
        ("--num-examples none --noise none", "`label` must be given for `table.csv`, which has no column called"),
        ("--label kind", "`--test none`"),
        ("--test none", "`--validation none`"),
        ("--validation none", ""),
    ):
        words += f" {advice}"
        assert main(words.split()) == (2 if refusal else 0)
        assert refusal in capsys.readouterr().err


def test_every_field_of_the_configuration_is_a_flag():
    sections = [getattr(StudyConfig(), name) for name in ("data", "model", "training", "hparams")]
    names = {field.name for section in sections for field in dataclasses.fields(section)} | {"seeds", "final"}
    assert {"--" + name.replace("_", "-") for name in names} <= set(flag_types(RunFlags))


TINY = "--preset quick --dataset blobs --num-examples 60 --num-classes 3 --epochs 2 --seeds 2"


def test_run_trains_an_experiment_to_a_report(capsys, tmp_path):
    """Flags beat the preset: a field given one value is not swept, a sweep of the same field replaces it."""
    words = f"run widths {TINY} --activation tanh --sweep hidden=3,none --output out"
    assert main(words.split()) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "report: out/report.html"
    assert (tmp_path / "out" / "report.html").is_file()
    assert not (tmp_path / "out" / "INCOMPLETE").exists()
    with xr.open_dataset(tmp_path / "out" / "results.nc", engine="h5netcdf") as results:
        assert dict(results.sizes) == {"hidden": 2, "seed": 2, "epoch": 2, "true": 3, "predicted": 3}
        assert results["hidden"].values.tolist() == ["3", "none"]
        assert results.attrs["experiment"] == "widths"
    config = json.loads((tmp_path / "out" / "config.json").read_text())["config"]
    assert config["model"]["activation"] == "tanh"


def test_a_dry_run_says_what_it_takes_and_does_nothing(capsys, tmp_path):
    """By hand: each part has 60 points, 36 to train on in 3 batches; 2-3-2 has 24 FLOPs forward, 60 with its
    gradient; 2 epochs, 2 seeds, 12 points to validate: 2 * 2 * (36 * 60 + 12 * 24) a setting, of which moons has 2
    and circle 1."""
    with recorded_compilations() as compiled:
        assert experiment_main(TWO, ["--dry-run", "--output", "out"]) == 0
    assert "advance" not in compiled
    assert not list(tmp_path.iterdir())
    shown = capsys.readouterr().out
    assert "two/moons: 2 settings x 2 seeds" in shown
    assert "two/circle: 1 setting x 2 seeds" in shown
    each = 2 * 2 * (36 * 60 + 12 * 24)
    programs = [re.split("  +", line.strip()) for line in shown.splitlines() if "FLOP  " in line]
    assert [row[1:4] for row in programs] == 3 * [["2", "6", f"{each / 1000:.3g} kFLOP"]]
    assert [row[5] for row in programs] == ["activation tanh", "activation relu", "the only setting"]
    assert f"Together: 6 networks in 3 programs, {3 * each / 1000:.3g} kFLOP; laid out for 2 CPU devices." in shown
    assert "not fit" not in shown
    assert experiment_main(SUMS, ["--dry-run"]) == 2
    assert "`--dry-run` must be left out" in capsys.readouterr().err


def test_a_dry_run_refuses_what_could_be_trained_nowhere(capsys):
    assert main(["run", "widths", "--preset", "quick", "--epochs", "0", "--dry-run"]) == 2
    assert "`epochs` must be a whole number" in capsys.readouterr().err


def test_a_dry_run_of_what_needs_a_larger_machine_is_told_so(capsys, monkeypatch):
    """How much of it does not fit, and why; the run itself is refused."""
    monkeypatch.setattr(memory, "free_memory", lambda: Memory(0, 1))
    assert experiment_main(TWO, ["--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "two/circle: 1 setting x 2 seeds" in shown
    assert "3 of 3 programs do not fit here, the first: `seeds` and the sweep make 2 members" in shown
    assert experiment_main(TWO, ["--output", "out"]) == 2


def test_an_experiment_file_is_the_same_command(capsys):
    experiment = load_experiment(experiment_files()["widths"])
    assert experiment_main(experiment, ["--preset", "quick", "--epochs", "0"]) == 2
    assert "`epochs` must be a whole number" in capsys.readouterr().err


def test_debug_shows_where_an_error_arose():
    with pytest.raises(InputError, match="`rleu` is not a known activation"):
        main(["summary", "mlp", "--activation", "rleu", "--debug"])


@pytest.mark.parametrize("help_", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_usage(command, help_, capsys):
    try:
        status = main([command, help_])
    except SystemExit as exit_:
        status = exit_.code
    assert not status
    shown = capsys.readouterr().out
    assert shown.startswith("usage:")
    assert f"jaxnn {command}" in shown


def test_the_help_of_data_says_where_the_picture_goes(capsys):
    assert main(["data", "--help"]) == 0
    assert "NAME.png in the current folder" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["data", "moons", "--help"])
    assert "NAME.png in the current folder" in capsys.readouterr().out


def test_help_is_no_error(capsys):
    for words in ("run widths --help", "summary mlp --help", "data moons --help"):
        with pytest.raises(SystemExit) as exit_:
            main(words.split())
        assert not exit_.value.code
        assert "--debug" in capsys.readouterr().out
    assert main(["run", "--help"]) == 0
    assert "widths" in capsys.readouterr().out


def test_in_a_process_of_its_own_a_mistake_is_one_line_and_status_2():
    """On standard error, with nothing on standard output."""
    command = [sys.executable, "-c", "import sys; from jaxnn.cli import main; sys.exit(main())"]
    wrong = subprocess.run([*command, "run", "widhts"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr == "jaxnn: `widhts` is not a known experiment: did you mean `widths`?\n"
    assert wrong.stdout == ""


def test_overwrite_never_removes_a_folder_that_only_has_a_config_of_the_same_name(tmp_path, capsys):
    foreign = tmp_path / "project"
    foreign.mkdir()
    (foreign / "config.json").write_text('{"name": "somebody else\'s"}')
    (foreign / "thesis.txt").write_text("years of work")
    assert main(["run", "widths", "--preset", "quick", "--output", str(foreign), "--overwrite"]) == 2
    assert "project" in capsys.readouterr().err
    assert (foreign / "thesis.txt").read_text() == "years of work"


def test_preset_without_a_value_is_one_sentence(capsys):
    assert main(["run", "widths", "--preset"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_monitored_run_says_how_to_look_inside(tmp_path, capsys):
    """One folder of event files is named itself; of several, those of the parts, the directory above them."""
    from jaxnn.cli.run import print_places

    print_places(tmp_path)
    assert capsys.readouterr().out == f"report: {tmp_path}/report.html\n"
    for part, folder in (("a", tmp_path / "a" / "tensorboard"), ("b", tmp_path)):
        (tmp_path / part / "tensorboard").mkdir(parents=True)
        print_places(tmp_path)
        assert f"`tensorboard --logdir {folder}`" in capsys.readouterr().out
