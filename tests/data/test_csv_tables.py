"""Tables: what is read back is what was written here, and every slip is named with its line and column."""

import numpy as np
import pytest

from jaxnn.data import load, read_inputs
from jaxnn.errors import InputError

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(12, 3)).round(6)
LABELS = np.arange(12) % 3


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


def table(values=VALUES, labels=LABELS, *, header="", mark=",", first=False):
    rows = ([y, *x] if first else [*x, y] for x, y in zip(values.tolist(), list(labels), strict=True))
    return (header + "\n" if header else "") + "\n".join(mark.join(map(str, row)) for row in rows) + "\n"


def everything(data):
    """x and y of all splits, sorted by the first column, which the tests keep distinct."""
    x, y = (np.concatenate([getattr(s, f) for s in (data.train, data.validation, data.test)]) for f in "xy")
    order = np.argsort(x.reshape(len(x), -1)[:, 0], kind="stable")
    return x[order], y[order]


@pytest.mark.parametrize("mark", [",", ";", "\t", " ", " , "])
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_every_form_of_a_table_reads_the_same(write, mark, header, first):
    names = ["label", "a", "b", "c"] if first else ["a", "b", "c", "label"]
    path = write(table(header=mark.join(names) if header else "", mark=mark, first=first))
    label = "label" if header else (0 if first else -1)
    data = load("csv", path=path, label=label, validation=3, test=3)
    x, y = everything(data)
    order = np.argsort(VALUES[:, 0])
    np.testing.assert_array_equal(x, VALUES[order].astype(np.float32))
    np.testing.assert_array_equal(y, LABELS[order])
    assert data.info.feature_names == (("a", "b", "c") if header else ("x1", "x2", "x3"))


def test_the_label_column_is_found_without_being_named(write):
    """The column called "label", else the last one of a table without a header; names and digits both work."""
    with_header = write(table(header="label,a,b,c", first=True), "header.csv")
    without = write(table(), "plain.csv")
    for path, label in ((with_header, None), (with_header, "0"), (without, None), (without, "3"), (without, 3)):
        np.testing.assert_array_equal(np.bincount(everything(load("csv", path=path, label=label))[1]), [4, 4, 4])


@pytest.mark.parametrize(
    ("labels", "class_names", "expected"),
    [
        (["-1", "1"] * 6, ("-1", "1"), [0, 1] * 6),
        (["3.0", "10.0", "7.0"] * 4, ("3", "7", "10"), [0, 2, 1] * 4),
        (["setosa", "iris x", "virginica"] * 4, ("iris x", "setosa", "virginica"), [1, 0, 2] * 4),
        (['"yes, sir"', '"no"'] * 6, ("no", "yes, sir"), [1, 0] * 6),
    ],
)
def test_labels_become_0_to_k_and_keep_their_names(write, labels, class_names, expected):
    values = np.arange(24.0).reshape(12, 2)
    data = load("csv", path=write(table(values, labels)))
    assert data.info.class_names == class_names
    np.testing.assert_array_equal(everything(data)[1], expected)


def test_quotes_and_blanks_about_cells_do_not_matter(write):
    """A blank before a quote is beyond NumPy's fast reader, and must come out of the slow one the same."""
    plain = load("csv", path=write(table()))
    quoted = table(mark='" , "').replace("\n", '"\n"')
    odd = load("csv", path=write('"' + quoted.removesuffix('"'), "odd.csv"))
    assert plain.info.sha256["train.x"] == odd.info.sha256["train.x"]


def test_a_header_of_numbers_is_known_by_its_label(write):
    path = write("2019,2020,label\n1,2,yes\n3,4,no\n")
    for label in (None, "label"):
        info = load("csv", path=path, label=label, validation=0, test=0).info
        assert (info.class_names, info.feature_names) == (("no", "yes"), ("2019", "2020"))


def test_empty_lines_byte_order_marks_and_foreign_line_ends_do_not_matter(write):
    plain = load("csv", path=write(table()))
    odd = load("csv", path=write(b"\xef\xbb\xbf\r\n" + table().replace("\n", "\r\n\r\n").encode(), "odd.csv"))
    assert plain.info.sha256["train.x"] == odd.info.sha256["train.x"]


def test_regression_targets_stay_numbers(write):
    data = load("csv", path=write(table(labels=VALUES[:, 1] * 2)), task="regression")
    x, y = everything(data)
    assert y.shape == (12, 1)
    np.testing.assert_allclose(y[:, 0], x[:, 1] * 2, rtol=1e-6)
    assert (data.info.task, data.info.num_classes, data.info.num_outputs) == ("regression", None, 1)


PIXELS = RNG.integers(0, 256, (12, 784))
KAGGLE = "label," + ",".join(f"pixel{i}" for i in range(784))


@pytest.mark.parametrize("header", [KAGGLE, ""])
def test_the_kaggle_form_becomes_images(write, header):
    data = load("csv", path=write(table(PIXELS, LABELS, header=header, first=True)), label=0)
    x, y = everything(data)
    order = np.argsort(PIXELS[:, 0], kind="stable")
    assert x.dtype == np.uint8
    np.testing.assert_array_equal(x[..., 0], PIXELS[order].reshape(-1, 28, 28))
    np.testing.assert_array_equal(np.sort(y), np.sort(LABELS))
    assert data.info.scale == pytest.approx(1 / 255)
    assert data.info.feature_names == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,0\n3,4\n5,6,1\n", "must have 3 columns in every line, as line 1 has; got 2 in line 2"),
        ("a,b,label\n1,2,0\n\n3,4,1,9\n", "as its header has; got 4 in line 4"),
        ("1 2 0\n3 4 1 1\n", "got 4 in line 2"),
        ("1,2,0\n3,,1\n,4,0\n", r"2 of its cells are not, the first in line 2, column 1 \(`x2`\): ''"),
        ("a,b,label\n1,2,0\n3,nan,1\n", r"1 of its cells are not, the first in line 3, column 1 \(`b`\): 'nan'"),
        (
            "a,b,label\nx,2,0\ny z,nan,1\n",
            "every cell of `a` is text, such as 'x' in line 2; leave out such a column, or encode",
        ),
        (
            "a,b,c,label\n,x,2,0\n,y,3,1\n",
            "every cell of `a`, `b` is text, such as 'x' in line 2; leave out such a column",
        ),
        ("a,b,label\n,2,0\n,3,1\n", "every cell of `a` is empty; leave out such a column"),
        ("1,2,0\n-inf,4,1\n", r"line 2, column 0 \(`x1`\): '-inf'"),
        ("1,2,0\n3,4e,1\n", "line 2, column 1 .*: '4e'"),
        ("1,2,0\n3,1_000,1\n", "line 2, column 1 .*: '1_000'"),
        ("1,2,0\n3,4,nan\n", "line 2, column 2 .*: 'nan'"),
        ("1,2,0\n3,4,\n", "a label in every line, all numbers or all names; .* '0' in line 1 and '' in line 2"),
        ("1,2,0\n3,4,0\n5,6,l\n", "'0' in line 1 and 'l' in line 3"),
        ("1,2,yes\n3,4,\n", "'yes' in line 1 and '' in line 2"),
        ("1,2,0\n3,4,0.5\n", r"1 of its 2 labels are fractional, the first \(0.5\) in row 1 .*task=\"regression\""),
        ("1,2,1\n3,4,1\n", "at least two classes in its label column; got only 1"),
        ("1,2,0\n3,1e39,1\n", r"the range of float32: 1 of its cells .* row 1 \(from 0\), column `x2`: 1e\+39"),
        ("a,b,label\n", "a header and nothing else"),
        ("0,1,2\n0.5,3,0\n0.1,4,1\n", "its first line, 0 to 2, may be the numbers of its columns: remove it"),
        (",a,label\n0,3,0\n1,4,1\n", "must name all its columns; got `` for column 0: leave it out if it numbers"),
        ("Unnamed: 0,a,label\n0,3,0\n1,4,1\n", "got `Unnamed: 0` for column 0"),
        ("\n \n", "all its lines are empty"),
        ("", "must not be empty"),
        ("0\n1\n", "an input column beside its label column"),
        (
            "a,b,kind\n1,2,0\n",
            "`label` must be given for .*, which has no column called `label`: choose one of `a`",
        ),
        ("a,a,label\n1,2,0\n", "must name its columns differently; got `a` 2 times"),
        ("a,b,labl\n1,2,0\n", "which has no column called `label`: did you mean `labl`?"),
        (b"1,2,\xff\n", "must be a text table in UTF-8: .* at byte 4"),
        (KAGGLE.removesuffix(",pixel783") + "\n" + "1" + ",0" * 783, "must have 784 pixel columns; got 783"),
        (
            KAGGLE + "\n" + "1" + ",0" * 783 + ",256\n",
            "pixels, whole numbers in 0..255: 1 .* column `pixel783`: 256",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_named(write, text, message):
    path = write(text)
    with pytest.raises(InputError, match=message) as caught:
        load("csv", path=path, validation=0, test=0)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": 4}, "`label` must be one of the 4 columns of .*; got index 4"),
        ({"label": -5}, "got index -5"),
        ({"label": "class"}, "the table has no header, give an index from 0"),
        ({"label": 1.5}, "`label` must be a column's name or index; got 1.5"),
        ({"task": "regresion"}, "`regresion` is not a known task: did you mean `regression`?"),
        ({"standardise": True}, None),
    ],
)
def test_label_and_task_must_fit_the_table(write, options, message):
    path = write(table())
    with pytest.raises(TypeError if message is None else InputError, match=message):
        load("csv", path=path, **options)


def test_text_labels_are_no_targets(write):
    with pytest.raises(InputError, match="must have numbers in its label column for regression; got text"):
        load("csv", path=write("1,a\n2,b\n"), task="regression")


def test_a_path_is_needed_and_must_lead_to_a_file(tmp_path):
    with pytest.raises(InputError, match="`path` must be given for `csv`"):
        load("csv")
    with pytest.raises(InputError, match=r"absent.csv` must be a readable file: No such file"):
        load("csv", path=tmp_path / "absent.csv")


def test_rows_to_predict_get_the_training_rows_treatment(write):
    """Oracle: the training table itself, read again without its label column."""
    names = "a,b,label"
    points = VALUES[:, :2]
    path, bare = (
        write(table(points, header=names)),
        write(table(points[:, :1], points[:, 1], header="a,b"), "new.csv"),
    )
    for options in ({}, {"standardize": True}, {"features": ("x1sq", "sinx2"), "standardize": True}):
        data = load("csv", path=path, validation=0, test=0, **options)
        found = read_inputs(bare, data.info)
        np.testing.assert_allclose(found[np.argsort(found[:, 0])], everything(data)[0], rtol=1e-6)


def test_images_to_predict_get_their_shape(write):
    kaggle = load("csv", path=write(table(PIXELS, LABELS, header=KAGGLE, first=True)))
    bare = write("\n".join(",".join(map(str, row)) for row in PIXELS.tolist()), "new.csv")
    found = read_inputs(bare, kaggle.info)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., 0], PIXELS.reshape(-1, 28, 28))
    digits = write(" ".join(["16"] * 64), "digit.txt")
    assert read_inputs(digits, load("digits").info).shape == (1, 8, 8, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4\n", "the 3 input columns of `csv` alone; got 4 columns: leave out what is no input, such"),
        ("a,b,c,kind\n1,2,3,x\n4,5,6,y\n", "got 4 columns: leave out what is no input, `kind`."),
        ("id,kind,a,b,c\n1,x,1,2,3\n", "got 5 columns: leave out what is no input, `id`, `kind`."),
        ("a,b\n1,2\n", "got 2 columns."),
        ("a,c,b\n1,2,3\n", "must have the columns of `csv` in their order: column 1 must be `b`; got `c`"),
        ("1,2,x\n", r"line 1, column 2 \(`x3`\): 'x'"),
    ],
)
def test_rows_to_predict_must_have_the_training_columns(write, text, message):
    info = load("csv", path=write(table(header="a,b,c,label"))).info
    with pytest.raises(InputError, match=message):
        read_inputs(write(text, "new.csv"), info)


@pytest.mark.parametrize("constant", [1.7e9, 0.1])
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e5, 1.7e9])
def test_small_differences_between_large_numbers_are_refused_not_lost(write, offset, constant):
    """Oracle: how many of 12 numbers, one apart, numpy's float32 keeps; a column without spread may be so."""
    values = VALUES.copy()
    values[:, 1], values[:, 2] = offset + np.arange(12), constant
    path = write(table(values, header="a,time,c,label"))
    kept = len(np.unique(values[:, 1].astype(np.float32)))
    if offset < 1.7e9:
        assert kept == 12
        load("csv", path=path, validation=3, test=3)
        return
    assert kept == 1
    message = r"column `time` goes up to 1.7e\+09, where float32 has steps of 128, but its .* is 3.45205: subtract"
    with pytest.raises(InputError, match=message):
        load("csv", path=path, validation=3, test=3)
