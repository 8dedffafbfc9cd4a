"""The Markdown summary of a study.  Oracle: the synthetic results it is made from, and jaxnn.stats on them."""

import numpy as np
import pytest
from synthetic_results import make_results

from jaxnn import stats
from jaxnn.report import answer, write_summary


@pytest.fixture
def results():
    return make_results()


def test_every_setting_has_a_row_with_its_mean(results, tmp_path):
    text = write_summary(tmp_path / "summary.md", results).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    ranking = stats.rank_settings(results, results.attrs["selected_on"], results.attrs["mode"])
    assert len(rows) == len(ranking)
    for row, result in zip(rows, ranking, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[: len(result.setting)] == [str(value) for value in result.setting.values()]
        assert np.isclose(float(cells[-4].rstrip("%")), 100 * result.interval.mean, atol=0.005)


def test_answer_notes_tables_and_provenance_are_there(results, tmp_path):
    results = results.assign_attrs(command="jaxnn run something", date="2026-01-31T12:00:00+00:00")
    path = write_summary(tmp_path / "summary.md", results, notes=["A note."], tables=[("Heading", "a  b")])
    text = path.read_text(encoding="utf-8")
    for part in (answer(results), "- A note.", "Heading:\n\n```\na  b\n```", "`jaxnn run something`", "2026-01-31"):
        assert part in text


def test_the_name_of_a_setting_stays_in_its_cell(tmp_path):
    ds = make_results({"variant": ["a|b", "two\nlines"]}, epochs=4)
    rows = [line for line in write_summary(tmp_path / "s.md", ds).read_text().splitlines() if line.startswith("|")]
    assert {row.count("|") - row.count("\\|") for row in rows} == {6}
    assert any("two lines" in row for row in rows)


@pytest.mark.parametrize(
    ("commit", "shown"),
    [("0123456789abcdef", "; commit 0123456789;"), ("0123456789abcdef+", "; commit 0123456789 with changes;")],
)
def test_the_commit_is_named_where_it_is_known(results, tmp_path, commit, shown):
    path = tmp_path / "summary.md"
    assert "commit" not in write_summary(path, results).read_text(encoding="utf-8")
    assert shown in write_summary(path, results.assign_attrs(commit=commit)).read_text(encoding="utf-8")


def test_it_is_said_that_what_was_tested_was_trained_again(results):
    again = "by networks trained again on training and validation data together"
    assert again in answer(results.assign_attrs(final="retrain"))
    assert again not in answer(results.assign_attrs(final="best"))
