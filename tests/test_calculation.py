"""An experiment in which nothing is trained, from command to directory.  Oracle: what it was told to say."""

import warnings

import pytest
from synthetic_experiments import SUMS
from test_report import Page

from jaxnn.cli import experiment_main, main
from jaxnn.study.rundir import run_status


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxnn.runtime.start", lambda **_: None)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)


def test_it_is_printed_and_published(tmp_path, capsys):
    assert experiment_main(SUMS, ["--output", "run"]) == 0
    assert capsys.readouterr().out == "1 + 1 = 2\n\nSums\n\n1 + 2 = 3\nreport: run/report.html\n"
    page = Page((tmp_path / "run" / "report.html").read_text(encoding="utf-8"))
    for text in ("What is 1 + 1?", "1 + 1 = 2", "Sums", "1 + 2 = 3", "A line"):
        assert text in page.text
    assert "svg" in page.tags
    assert "- 1 + 1 = 2\n\nSums:\n\n```\n1 + 2 = 3\n```\n" in (tmp_path / "run" / "summary.md").read_text()
    assert (tmp_path / "run" / "figures" / "line.png").read_bytes().startswith(b"\x89PNG")
    assert run_status(tmp_path / "run").state == "complete"


@pytest.mark.parametrize("option", ["--epochs", "--seeds=3", "--learning-rate", "--sweep", "--resume", "--part"])
def test_what_concerns_training_is_refused(option, tmp_path, capsys):
    assert experiment_main(SUMS, [option, "3", "--output", "run"]) == 2
    name = option.partition("=")[0]
    assert capsys.readouterr().err == f"jaxnn: `{name}` must be left out: nothing is trained in `sums`.\n"
    assert not [*tmp_path.iterdir()]


def test_other_options_are_checked_as_usual(capsys):
    assert experiment_main(SUMS, ["--preset", "quik"]) == 2
    assert "did you mean `quick`?" in capsys.readouterr().err
    assert experiment_main(SUMS, ["--outptu", "run"]) == 2
    assert "`--outptu` is not a known option: did you mean `--output`?" in capsys.readouterr().err


def test_the_commands_for_runs_know_it(tmp_path, capsys):
    assert experiment_main(SUMS, ["--output", "run"]) == 0
    assert experiment_main(SUMS, ["--output", "run"]) == 2
    assert "holds an earlier run" in capsys.readouterr().err
    assert experiment_main(SUMS, ["--output", "run", "--overwrite"]) == 0
    for command in (["evaluate"], ["export", "--output", "new"], ["runs", "compare"]):
        verb = command[:2] if command[0] == "runs" else command[:1]
        assert main([*verb, "run", *command[len(verb) :]]) == 2
        assert "`run` is a calculation: nothing was trained in it." in capsys.readouterr().err
    assert main(["resume", "run"]) == 2
    assert "`run` is a calculation: start it anew" in capsys.readouterr().err
    assert main(["runs", "list", "."]) == 0
    assert "a calculation" in capsys.readouterr().out
    assert main(["runs", "show", "run"]) == 0
    assert "sums" in capsys.readouterr().out


def test_a_failed_one_is_no_finished_run(tmp_path):
    def fail():
        raise ZeroDivisionError("1 / 0")

    with pytest.raises(ZeroDivisionError):
        experiment_main(type(SUMS)("sums", "?", {"cpu": fail}), ["--output", "run"])
    assert run_status(tmp_path / "run").state == "failed"
