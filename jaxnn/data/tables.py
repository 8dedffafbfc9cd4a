"""Text tables of numbers, read strictly: whatever is wrong is named with its line and column."""

import csv
import math
from collections.abc import Sequence
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


def read_table(path: Path | str, *, label: str | int | None, labelled: bool = True) -> Table:
    """Read a table whose columns are divided by commas, semicolons, tabs or blanks, with a header or without.

    A first line without a single number is the header.  Empty lines are skipped.

    Args:
      path: the file, UTF-8.
      label: the label column, by name or by index from 0 (negative: from the end); None for the column named
        "label", or the last one where there is no header.
      labelled: False when every column is an input.

    Returns:
      The table, its label column set apart.

    Raises:
      InputError: an unreadable or empty file, lines of unequal length, a cell that is not a finite number, or
        no such label column.
    """
    lines = _read_lines(path)
    first = _cells(lines.texts[0], lines.delimiter)
    header = first if not any(_is_number(cell) for cell in first) else None
    body = lines if header is None else lines._replace(texts=lines.texts[1:], numbers=lines.numbers[1:])
    if not body.texts:
        raise InputError(f"`{path}` must hold rows of numbers; got a header and nothing else.")
    _check_lengths(body, len(first), "its header" if header else f"line {lines.numbers[0]}")
    names = tuple(header or (f"x{i + 1}" for i in range(len(first))))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"`{path}` must name its columns differently; got `{twice}` {names.count(twice)} times.")
    if not labelled:
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
    return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))]


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
        values = _load(lines, columns, np.float64)
    except ValueError:
        raise _first_bad_cell(lines, names, columns) from None
    if not np.isfinite(values).all():
        raise _first_bad_cell(lines, names, columns)
    return values


def _read_labels(lines: _Lines, names: Sequence[str], column: int) -> np.ndarray:
    """(n,) float64 if the labels are numbers, str if they are names; a mixture is a slip, and refused."""
    labels = np.char.strip(_load(lines, [column], np.str_)[:, 0])
    numeric = np.array([_is_number(label) for label in labels])
    if numeric.all():
        return _read_values(lines, names, [column])[:, 0]
    odd = (numeric != numeric[0]) | (labels == "")
    if odd.any():
        row = int(np.argmax(odd))
        raise InputError(
            f"`{lines.path}` must have a label in every line, all numbers or all names; column {column} "
            f"(`{names[column]}`) has '{labels[0]}' in line {lines.numbers[0]} and '{labels[row]}' in line "
            f"{lines.numbers[row]}."
        )
    return labels


def _load(lines: _Lines, columns: Sequence[int], dtype: type[np.generic]) -> np.ndarray:
    return np.loadtxt(
        lines.texts, dtype, delimiter=lines.delimiter, usecols=columns, ndmin=2, comments=None, quotechar='"'
    )


def _first_bad_cell(lines: _Lines, names: Sequence[str], columns: Sequence[int]) -> InputError:
    """The error for cells that are not finite numbers: how many, and where the first one is.

    Slow, and only walked once something is known to be wrong.
    """
    bad = []
    for text, number in zip(lines.texts, lines.numbers, strict=True):
        cells = _cells(text, lines.delimiter)
        bad += [(cells[i], number, i) for i in columns if not _is_finite_number(cells[i])]
    cell, number, i = bad[0]
    return InputError(
        f"`{lines.path}` must hold finite numbers: {len(bad)} of its cells are not, the first in line {number}, "
        f"column {i} (`{names[i]}`): {cell!r}; drop or fill those rows."
    )


def _is_finite_number(cell: str) -> bool:
    return _is_number(cell) and math.isfinite(float(cell))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
