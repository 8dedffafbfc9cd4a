"""The analysis of an experiment whose study somebody has changed."""

import dataclasses

import pytest
from synthetic_experiments import config

from jaxnn.cli.main import main
from jaxnn.cli.run import run_command
from jaxnn.errors import InputError
from jaxnn.experiment import Experiment, Preset, analysis_of
from jaxnn.study import Analysis
from jaxnn.study.results import load_dataset

VARIANTS = {"small": {"hidden": (2,)}, "large": {"hidden": (4,)}, "wide": {"hidden": (5,)}}


def compares(outcome):
    """An analysis that needs the axis of its preset."""
    return Analysis([f"networks: {', '.join(outcome.results['network'].values.tolist())}"])


PRESET = Preset(config("moons"), {"network": VARIANTS})
EXPERIMENT = Experiment("sizes", "How large?", dict.fromkeys(("quick", "cpu", "full"), PRESET), compares)


def run(words, tmp_path):
    return run_command(EXPERIMENT, [*words.split(), "--output", str(tmp_path / "run")])


def test_variants_are_chosen_by_name(tmp_path):
    assert run("--sweep network=wide,small", tmp_path) == 0
    assert load_dataset(tmp_path / "run" / "results.nc")["network"].values.tolist() == ["wide", "small"]
    assert "networks: wide, small" in (tmp_path / "run" / "summary.md").read_text()


def test_none_leaves_the_variants_that_are_named(tmp_path):
    assert run("--sweep none --sweep network=wide", tmp_path) == 0
    assert load_dataset(tmp_path / "run" / "results.nc")["network"].values.tolist() == ["wide"]


@pytest.mark.parametrize("words", ["--sweep network=wide --sweep network=small", "--sweep network=wide,wide"])
def test_variants_are_given_once(words, tmp_path):
    with pytest.raises(InputError, match=r"`network` is swept .*twice"):
        run(words, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_analysis_that_does_not_fit_is_left_out_and_the_report_says_so(tmp_path, capsys):
    assert run("--sweep none", tmp_path) == 0
    for text in (capsys.readouterr().err, (tmp_path / "run" / "summary.md").read_text()):
        assert "The analysis of `sizes` is left out" in text
        assert "KeyError" in text


@pytest.mark.parametrize(
    ("of", "debug"), [(PRESET, False), (PRESET._replace(config=dataclasses.replace(PRESET.config, seeds=9)), True)]
)
def test_on_the_preset_itself_and_in_debugging_a_failure_is_an_error(of, debug):
    analyse = analysis_of(EXPERIMENT, of, PRESET.config, PRESET.sweep, debug=debug)
    with pytest.raises(AttributeError):
        analyse(None)
    changed = dataclasses.replace(PRESET.config, seeds=8)
    assert "left out" in analysis_of(EXPERIMENT, of, changed, PRESET.sweep)(None).notes[0]


def test_a_misspelt_variant_is_told_the_nearest(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "lenet", "--preset", "quick", "--sweep", "network=relu-adem"]) == 2
    error = capsys.readouterr().err
    assert "`relu-adem` is not a known variant of `network`" in error
    assert "did you mean `relu-adam`" in error
    assert not list(tmp_path.iterdir())
