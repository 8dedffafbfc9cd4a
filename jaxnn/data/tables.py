"""Text tables of numbers, read strictly: whatever is wrong is named with its line and column."""

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxnn.data.idx import read_bytes
from jaxnn.errors import InputError, nearest


class Table(NamedTuple):
    """The numeric columns of a table, and the column set apart as its label.

    names: of the numeric columns; x1, x2, ... where the file has no header.
    values: (n, len(names)) float64, finite.
    labels: (n,) float64, or str where they are names; None if no column was set apart.
    has_header: whether `names` come from the file.
    """

    names: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray | None
    has_header: bool


class _Lines(NamedTuple):
    """The lines of a table that hold data, their numbers in the file (from 1), and how they are divided."""

    path: str
    texts: list[str]
    numbers: list[int]
    delimiter: str | None


def read_table(
    path: Path | str,
    *,
    label: str | int | None = None,
    check_inputs: Callable[[tuple[str, ...], bool], None] | None = None,
) -> Table:
    """Read a table whose columns are divided by commas, semicolons, tabs or blanks, with a header or without.

    A first line without a single number, or with the name of the label column, is the header.  Empty lines are
    skipped.

    Args:
      path: the file, UTF-8.
      label: the label column, by name or by index from 0 (negative: from the end); None for the column named
        "label", or the last one where there is no header.
      check_inputs: given where every column is to be an input: refuses the names of the columns, told whether
        they come from the file, before a cell is read.

    Returns:
      The table, its label column set apart.

    Raises:
      InputError: an unreadable or empty file, lines of unequal length, a cell that is not a finite number, or
        no such label column.
    """
    lines = _read_lines(path)
    first = _cells(lines.texts[0], lines.delimiter)
    header = first if _is_header(first, label) else None
    _check_first_line(str(path), first, is_header=header is not None)
    body = lines if header is None else lines._replace(texts=lines.texts[1:], numbers=lines.numbers[1:])
    if not body.texts:
        raise InputError(f"`{path}` must hold rows of numbers; got a header and nothing else.")
    _check_lengths(body, len(first), "its header" if header else f"line {lines.numbers[0]}")
    names = tuple(header or (f"x{i + 1}" for i in range(len(first))))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"`{path}` must name its columns differently; got `{twice}` {names.count(twice)} times.")
    if check_inputs is not None:
        check_inputs(names, header is not None)
        return Table(names, _read_values(body, names, range(len(names))), None, header is not None)
    index = _label_index(str(path), label, names, header is not None)
    inputs = [i for i in range(len(names)) if i != index]
    if not inputs:
        raise InputError(f"`{path}` must have an input column beside its label column `{names[0]}`.")
    values, labels = _read_values(body, names, inputs), _read_labels(body, names, index)
    input_names = tuple(names[i] if header else f"x{k + 1}" for k, i in enumerate(inputs))
    return Table(input_names, values, labels, header is not None)


def _read_lines(path: Path | str) -> _Lines:
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"`{path}` must be a text table in UTF-8: {error.reason} at byte {error.start}."
        ) from error
    numbered = [(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not numbered:
        raise InputError(f"`{path}` must hold rows of numbers; all its lines are empty.")
    texts, numbers = zip(*numbered, strict=True)
    delimiter = next((mark for mark in ",;\t" if mark in texts[0]), None)
    return _Lines(str(path), list(texts), list(numbers), delimiter)


def _cells(text: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return text.split()
    if '"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))]


def _is_header(cells: Sequence[str], label: str | int | None) -> bool:
    name = label if isinstance(label, str) else "label"
    return not any(_is_number(cell) for cell in cells) or (name in cells and not _is_number(name))


def _check_first_line(path: str, cells: Sequence[str], *, is_header: bool) -> None:
    """Refuse what pandas writes unasked: numbers of columns as their names, and a column of the rows' numbers."""
    if len(cells) > 2 and list(cells) == [str(k) for k in range(len(cells))]:
        raise InputError(
            f"`{path}` must begin with names or with data; its first line, 0 to {len(cells) - 1}, may be the "
            "numbers of its columns: remove it (pandas: `header=False`), or, if it is data, put a line of names "
            "before it."
        )
    for k, name in enumerate(cells if is_header else ()):
        if not name or name == f"Unnamed: {k}":
            raise InputError(
                f"`{path}` must name all its columns; got `{name}` for column {k}: leave it out if it numbers the "
                "rows (pandas: `index=False`), or give it a name."
            )


def _check_lengths(lines: _Lines, expected: int, reference: str) -> None:
    for text, number in zip(lines.texts, lines.numbers, strict=True):
        # Counting marks is a hundred times faster than dividing a line, and right where nothing is quoted.
        if lines.delimiter is None or '"' in text:
            found = len(_cells(text, lines.delimiter))
        else:
            found = text.count(lines.delimiter) + 1
        if found != expected:
            raise InputError(
                f"`{lines.path}` must have {expected} columns in every line, as {reference} has; got {found} in "
                f"line {number}."
            )


def _label_index(path: str, label: str | int | None, names: Sequence[str], has_header: bool) -> int:
    """The label column's index from 0."""
    if label is None and has_header and "label" not in names:
        raise InputError(
            f"`label` must be given for `{path}`, which has no column called `label`: {nearest('label', names)}"
        )
    if isinstance(label, bool) or not isinstance(label, str | int | None):
        raise InputError(f"`label` must be a column's name or index; got {label!r}.")
    if label is None:
        label = "label" if has_header else len(names) - 1
    if isinstance(label, str) and label in names and has_header:
        return names.index(label)
    try:
        index = int(label)
    except ValueError:
        fix = nearest(str(label), names) if has_header else "the table has no header, give an index from 0."
        raise InputError(f"`label` must be a column of `{path}`; got {label!r}: {fix}") from None
    if not -len(names) <= index < len(names):
        raise InputError(f"`label` must be one of the {len(names)} columns of `{path}`; got index {index}.")
    return index % len(names)


def _read_values(lines: _Lines, names: Sequence[str], columns: Sequence[int]) -> np.ndarray:
    """(n, len(columns)) float64 of finite numbers."""
    try:
        values = np.loadtxt(
            lines.texts, delimiter=lines.delimiter, usecols=columns, ndmin=2, comments=None, quotechar='"'
        )
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass  # the slow way finds out where
    return _read_values_slowly(lines, names, columns)


def _read_values_slowly(lines: _Lines, names: Sequence[str], columns: Sequence[int]) -> np.ndarray:
    """The same cell by cell, to say what is not a finite number: columns of no number at all, else how many cells,
    and where the first one is."""
    rows, bad = [], []
    for text, number in zip(lines.texts, lines.numbers, strict=True):
        cells = _cells(text, lines.delimiter)
        bad += [(number, i, cells[i]) for i in columns if not _is_finite_number(cells[i])]
        if not bad:
            rows.append([float(cells[i]) for i in columns])
    if bad:
        _refuse_text_columns(lines, names, bad)
        number, i, cell = bad[0]
        raise InputError(
            f"`{lines.path}` must hold finite numbers: {len(bad)} of its cells are not, the first in line "
            f"{number}, column {i} (`{names[i]}`): {cell!r}; drop or fill those rows."
        )
    return np.array(rows)


def _refuse_text_columns(lines: _Lines, names: Sequence[str], bad: Sequence[tuple[int, int, str]]) -> None:
    """Raise InputError where cells (line, column, content) that are no numbers are all of some columns."""
    by_column: dict[int, list[tuple[int, str]]] = {}
    for number, i, cell in bad:
        by_column.setdefault(i, []).append((number, cell))
    # Of a single line it cannot be told whether its cell or its column is at fault.
    whole = [i for i, cells in by_column.items() if len(cells) == len(lines.texts) > 1]
    if not whole:
        return
    text = next((f"{cell!r} in line {number}" for i in whole for number, cell in by_column[i] if cell), None)
    raise InputError(
        f"`{lines.path}` must hold finite numbers: every cell of {', '.join(f'`{names[i]}`' for i in whole)} is "
        f"{f'text, such as {text}' if text else 'empty'}; leave out such a column, or encode it as numbers."
    )


def _read_labels(lines: _Lines, names: Sequence[str], column: int) -> np.ndarray:
    """(n,) float64 if the labels are numbers, str if they are names; a mixture is a slip, and refused."""
    labels = [_cells(text, lines.delimiter)[column] for text in lines.texts]
    numeric = [_is_number(label) for label in labels]
    if all(numeric):
        return _read_values(lines, names, [column])[:, 0]
    odd = [row for row, label in enumerate(labels) if numeric[row] != numeric[0] or not label]
    if odd:
        raise InputError(
            f"`{lines.path}` must have a label in every line, all numbers or all names; column {column} "
            f"(`{names[column]}`) has {labels[0]!r} in line {lines.numbers[0]} and {labels[odd[0]]!r} in line "
            f"{lines.numbers[odd[0]]}."
        )
    return np.array(labels)


def _is_finite_number(cell: str) -> bool:
    return _is_number(cell) and math.isfinite(float(cell))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_000, tables do not mean it
