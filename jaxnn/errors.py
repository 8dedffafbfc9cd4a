"""The one exception for bad input, and the words it is said in.

Every message has the same order: the name in backticks, the rule, the value found and where it was,
the nearest valid name, the fix.  The command line prints it as one line and exits with status 2.
"""

import difflib
import math
import numbers
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used.  Raised before any training and before anything is written."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The sentence that helps after a misspelt name: the nearest valid one, else all of them."""
    by_lower = {one.lower(): one for one in sorted(valid)}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{by_lower[close[0]]}`?"
    return f"choose one of {', '.join(f'`{one}`' for one in by_lower.values())}."


def unknown(kind: str, name: object, valid: Iterable[str]) -> InputError:
    """The error for a name that is not in a fixed vocabulary, such as an activation or an optimizer."""
    valid = list(valid)
    return InputError(f"`{name}` is not a known {kind}: {nearest(str(name), valid)}")


def check_number(
    name: str,
    value: float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Raise unless `value` is a finite number between `low` and `high` (open ends where told so)."""
    if not isinstance(value, numbers.Real):
        raise InputError(f"`{name}` must be a number; got {value!r}.")
    inside = (value > low if low_open else value >= low) and (value < high if high_open else value <= high)
    if math.isfinite(value) and inside:
        return
    left, right = "(" if low_open or low == -math.inf else "[", ")" if high_open or high == math.inf else "]"
    raise InputError(f"`{name}` must be a finite number in {left}{low:g}, {high:g}{right}; got {value!r}.")
