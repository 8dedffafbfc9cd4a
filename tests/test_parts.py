"""Experiments of several studies: their directory, their page, and what becomes of them when they are cut.

Oracle of a resumed run: the run that was never cut, to the bit.
"""

import dataclasses
import json
import re
import shutil
import signal
import time
import warnings

import pytest
import xarray as xr
from synthetic_experiments import PARTS, TWO
from test_report import Page

from jaxnn import parts
from jaxnn.cli import experiment_main, main, resume
from jaxnn.errors import InputError
from jaxnn.study import environment, publish, runner
from jaxnn.study.results import load_dataset
from jaxnn.study.rundir import read_description, run_status


@pytest.fixture(autouse=True, scope="module")
def one_source():
    """The source may change while these tests run, which is nothing to warn about here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "_commit", lambda: "one")
        yield


@pytest.fixture(autouse=True)
def as_here(monkeypatch):
    """JAX keeps the devices of the tests; the experiments are those of the tests."""
    monkeypatch.setattr("jaxnn.runtime.start", lambda **_: None)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(resume, "experiment_files", lambda: {"two": "a file"})
    monkeypatch.setattr(resume, "load_experiment", lambda file: TWO)


@pytest.fixture
def no_figures(monkeypatch):
    """They take longer than the training here."""
    monkeypatch.setattr(publish, "publish", lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run of two parts."""
    output = tmp_path_factory.mktemp("parts") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxnn.runtime.start", lambda **_: None)
        patch.setattr(warnings, "formatwarning", warnings.formatwarning)
        assert experiment_main(TWO, ["--output", str(output)]) == 0
    return output


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def cut_between_parts(run):
    """The directory as it is when the process is killed after the first part, before the second."""
    shutil.rmtree(run / "circle")
    for name in ("report.html", "summary.md"):
        (run / name).unlink()
    (run / "INCOMPLETE").write_text('{"state": "running", "detail": "process 1 on x", "date": "2026"}')
    return run


def assert_same(run, whole):
    for name in PARTS:
        xr.testing.assert_identical(
            load_dataset(run / name / "results.nc").drop_attrs(),
            load_dataset(whole / name / "results.nc").drop_attrs(),
        )
    assert run_status(run).state == "complete"
    assert (run / "report.html").is_file()


def one_line(capsys):
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1, shown.err
    return shown.err


def test_every_part_is_a_run_of_its_own(whole):
    for name, question in (("moons", "How round?"), ("circle", "What are two?")):
        for file in ("config.json", "log.jsonl", "results.nc", "report.html", "summary.md"):
            assert (whole / name / file).stat().st_size > 0
        results = load_dataset(whole / name / "results.nc")
        assert (results.attrs["experiment"], results.attrs["question"]) == (f"two/{name}", question)
    assert not [*whole.rglob("INCOMPLETE")]
    assert [*read_description(whole)["parts"]] == ["moons", "circle"]


def test_the_page_holds_what_each_part_says_and_nothing_from_elsewhere(whole):
    """Oracle: a parser that refuses unbalanced tags; `moons are <round>` is the note that is to be escaped."""
    source = (whole / "report.html").read_text(encoding="utf-8")
    page = Page(source)
    for text in ("What are two?", "How round?", "moons are <round>", "All losses", "6 Compiling", "4 networks in"):
        assert text in page.text
    assert page.text.count("At the best epoch") == 1, "circle has one setting"
    links = [value for key, value in page.attributes if key == "href"]
    assert links == ["moons/report.html", "circle/report.html"]
    assert all((whole / link).is_file() for link in links)
    drawn = [value for key, value in page.attributes if key == "src"]
    assert len(drawn) == 1
    assert drawn[0].startswith("data:image/png;base64,iVBOR")
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))


def test_the_summary_holds_the_answers_and_tables_of_all_parts(whole):
    text = (whole / "summary.md").read_text(encoding="utf-8")
    assert re.findall("^#+ .*", text, re.MULTILINE) == ["# two", "## moons", "## circle"]
    assert "- moons are <round>" in text
    assert "```\n1 2 3\n```" in text
    assert "Measured by `" in text
    assert "6 networks" in text


def test_flags_reach_every_part_on_top_of_its_own_defaults(tmp_path, no_figures, capsys):
    words = ["--seeds", "1", "--epochs", "1", "--sweep", "learning_rate=0.1,0.01", "--activation", "tanh"]
    assert experiment_main(TWO, [*words, "--output", str(tmp_path / "run")]) == 0
    for name in PARTS:
        results = load_dataset(tmp_path / "run" / name / "results.nc")
        assert dict(results.sizes) == {"learning_rate": 2, "seed": 1, "epoch": 1, "true": 2, "predicted": 2}
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line.startswith("part ")] == ["part 1 of 2: moons", "part 2 of 2: circle"]
    assert shown[-1] == f"report: {tmp_path / 'run' / 'report.html'}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--part mons", "`mons` is not a known part: did you mean `moons`?"),
        ("--batch-size 37", "part `circle`: `batch_size` must be at most the 36 training examples"),
        ("--epochs 0", "part `moons`: `epochs` must be a whole number of 1 or more; got 0."),
        ("--checkpoint-minutes -1", "`checkpoint_minutes` must be a finite number"),
        ("--resume --overwrite", "`--resume` continues a run, `--overwrite` replaces it"),
    ],
)
def test_whatever_is_wrong_is_said_before_anything_is_written(tmp_path, capsys, words, message):
    later = dict(PARTS)
    larger = dataclasses.replace(PARTS["moons"].config.data, num_examples=100)
    later["moons"] = PARTS["moons"]._replace(config=dataclasses.replace(PARTS["moons"].config, data=larger))
    experiment = dataclasses.replace(TWO, presets={"cpu": later})
    assert experiment_main(experiment, [*words.split(), "--output", str(tmp_path / "run")]) == 2
    assert message in one_line(capsys)
    assert not [*tmp_path.iterdir()]


def test_a_single_study_has_no_parts(capsys):
    experiment = dataclasses.replace(TWO, presets={"cpu": PARTS["moons"]})
    assert experiment_main(experiment, ["--part", "moons"]) == 2
    assert "`--part moons` must be left out: `two` is a single study." in one_line(capsys)


@pytest.mark.parametrize("name", ["../evil", "", "A", "a/b", "figures", ".hidden"])
def test_a_part_is_named_like_a_folder(name, tmp_path):
    with pytest.raises(InputError, match="A part must be named by small letters"):
        parts.run_parts([parts.Part(name, PARTS["moons"].config, {})], output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_only_read(copy, whole, capsys):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file() and path.name != "lock"}
    assert main(["resume", str(copy)]) == 0
    assert experiment_main(TWO, ["--output", str(copy), "--resume"]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "part " not in capsys.readouterr().out


def test_killed_between_two_parts(copy, whole, no_figures):
    """The finished part is not touched; the other is trained, from the description of the whole alone."""
    cut_between_parts(copy)
    assert run_status(copy).state == "killed"
    before = (copy / "moons" / "results.nc").stat().st_mtime_ns
    assert main(["resume", str(copy)]) == 0
    assert_same(copy, whole)
    assert (copy / "moons" / "results.nc").stat().st_mtime_ns == before
    assert "moons are <round>" in Page((copy / "report.html").read_text()).text
    assert len(read_description(copy)["resumed"]) == 1


def test_killed_before_the_first_part(tmp_path, whole, no_figures, capsys):
    """There is a mark and no description: `resume` cannot know, `run` can."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "INCOMPLETE").write_text("{")
    assert main(["resume", str(tmp_path / "run")]) == 2
    assert "was cut before it began: start it with `jaxnn run`" in one_line(capsys)
    assert experiment_main(TWO, ["--output", str(tmp_path / "run"), "--resume"]) == 0
    assert_same(tmp_path / "run", whole)


@pytest.mark.parametrize("instant", ["training", "publishing"])
def test_a_signal_advises_to_resume_the_whole(tmp_path, whole, no_figures, monkeypatch, capsys, instant):
    """In the second part while it trains, or in the first when its training is over."""

    def shoot(*arguments, then):
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.1)  # a thread hears of it
        return then(*arguments)

    output = tmp_path / "run"
    if instant == "training":
        conclude = runner.conclude

        def shoot_second(plan, *arguments, **options):
            if plan.config.data.dataset == "circle":
                shoot(then=lambda: None)
            return conclude(plan, *arguments, **options)

        monkeypatch.setattr(runner, "conclude", shoot_second)
    else:
        monkeypatch.setattr(publish, "publish", lambda *arguments: shoot(*arguments, then=lambda *_: None))
    assert experiment_main(TWO, ["--output", str(output)]) == 143
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"jaxnn: stopped by SIGTERM and saved: continue with `jaxnn resume {output}`."
    assert run_status(output).state == "interrupted"
    assert (output / "circle").exists() == (instant == "training")
    monkeypatch.undo()
    monkeypatch.setattr("jaxnn.runtime.start", lambda **_: None)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(publish, "publish", lambda *_: None)
    assert main(["resume", str(output)]) == 0
    assert_same(output, whole)


def test_more_epochs_extend_every_part(copy, no_figures):
    assert main(["resume", str(copy), "--epochs", "3"]) == 0
    for name in PARTS:
        assert load_dataset(copy / name / "results.nc").sizes["epoch"] == 3
    assert read_description(copy)["parts"]["circle"]["config"]["training"]["epochs"] == 3


def test_a_part_on_its_own_resumes_with_its_analysis(copy, whole, no_figures):
    shutil.rmtree(copy / "moons" / "checkpoints")
    (copy / "moons" / "INCOMPLETE").write_text('{"state": "running", "detail": "", "date": ""}')
    assert main(["resume", str(copy / "moons")]) == 0
    assert_same(copy, whole)


@pytest.mark.parametrize(("part", "analysed"), [("moons", True), ("circle", False)])
def test_an_analysis_that_is_not_installed_is_missed(copy, monkeypatch, capsys, part, analysed):
    """Its code is not in the directory; of a study that has none nothing is missed."""
    (copy / part / "INCOMPLETE").write_text('{"state": "running", "detail": "", "date": ""}')
    made = []
    monkeypatch.setattr(publish, "publish", lambda outcome, analysis, *_: made.append(analysis))
    monkeypatch.setattr(resume, "experiment_files", dict)
    assert main(["resume", str(copy / part)]) == 0
    (analysis,) = made
    missed = "What `two/moons` makes of its outcome is not in the report"
    assert (missed in capsys.readouterr().err) == (missed in " ".join(analysis.notes)) == analysed


@pytest.mark.parametrize(
    ("presets", "words", "message"),
    [
        ({"cpu": {"moons": PARTS["moons"]}}, "", "`parts` was `moons`, `circle` and is `moons`"),
        ({"cpu": PARTS}, "--part circle", "`parts` was `moons`, `circle` and is `circle`"),
        ({"quick": PARTS}, "--preset quick", "`preset` was `cpu` and is `quick`"),
        ({"cpu": PARTS}, "--seeds 3", "part `moons`: `--resume` continues the same study"),
        ({"cpu": PARTS["moons"]}, "", "`--output` holds several or none: choose another"),
    ],
)
def test_other_parts_are_not_resumed(copy, presets, words, message, capsys):
    experiment = dataclasses.replace(TWO, presets=presets)
    assert experiment_main(experiment, [*words.split(), "--output", str(copy), "--resume"]) == 2
    assert message in one_line(capsys)
    assert run_status(copy).state == "complete"


def test_parts_do_not_continue_a_single_study(copy, capsys):
    assert experiment_main(TWO, ["--output", str(copy / "moons"), "--resume"]) == 2
    assert "holds a single study, not parts" in one_line(capsys)


def test_a_part_that_the_experiment_has_no_more_is_refused(copy, monkeypatch, capsys):
    without = dataclasses.replace(TWO, presets={"cpu": {"moons": PARTS["moons"]}})
    monkeypatch.setattr(resume, "load_experiment", lambda file: without)
    assert main(["resume", str(copy)]) == 2
    assert "`two` has no part `circle` by now: start it anew with `jaxnn run two`." in one_line(capsys)


def test_overwrite_leaves_nothing_of_the_run_before(copy, no_figures):
    assert experiment_main(TWO, ["--part", "circle", "--output", str(copy), "--overwrite"]) == 0
    assert not (copy / "moons").exists()
    assert [*read_description(copy)["parts"]] == ["circle"]


def test_a_description_cannot_name_a_part_outside(copy, capsys):
    description = json.loads((copy / "config.json").read_text())
    description["parts"]["../../evil"] = description["parts"].pop("circle")
    (copy / "config.json").write_text(json.dumps(description))
    for command in ("resume", "predict", "runs show"):
        options = ["--input", "x.npy", "--output", "y.npy"] if command == "predict" else []
        assert main([*command.split(), str(copy), *options]) == 2
        assert "A part must be named by small letters" in one_line(capsys)
    assert not list(copy.parent.parent.rglob("evil"))


def test_commands_name_the_parts(copy, capsys, monkeypatch):
    named = f"`{copy}` is a run of several studies: name one of its parts, `{copy / 'moons'}`, `{copy / 'circle'}`."
    (copy.parent / "x.csv").write_text("1,2\n")
    monkeypatch.chdir(copy.parent)
    for command in (
        ["predict", str(copy), "--input", "x.csv", "--output", "y.csv"],
        ["evaluate", str(copy)],
        ["export", str(copy), "--output", "exported"],
        ["runs", "compare", str(copy), str(copy / "moons")],
    ):
        assert main(command) == 2
        assert named in one_line(capsys)
    predict = ["predict", str(copy / "moons"), "--input", "x.csv", "--output", "y.csv"]
    assert main(predict) == 0


def test_runs_show_the_parts(copy, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    cut_between_parts(copy)
    assert main(["runs", "list", str(copy.parent)]) == 0
    listed = capsys.readouterr().out
    assert [row.split()[1:3] for row in listed.splitlines()[1:]] == [["killed", "two"], ["complete", "two/moons"]]
    assert "2 parts" in listed
    assert main(["runs", "show", str(copy)]) == 0
    assert "parts                moons (complete), circle (not begun)" in capsys.readouterr().out
    assert main(["runs", "remove", str(copy), "--yes"]) == 0
    assert not copy.exists()
