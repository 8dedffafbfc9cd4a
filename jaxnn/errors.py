"""The one exception for bad input, and the words it is said in.

Every message has the same order: the name in backticks, the rule, the value found and where it was,
the nearest valid name, the fix.  The command line prints it as one line and exits with status 2.
"""

import difflib
import math
import numbers
from collections.abc import Iterable

# What other libraries call what has another name here; of use where a vocabulary has that name.
FOREIGN = {
    "lr": "learning_rate",
    "eta": "learning_rate",
    "wd": "weight_decay",
    "dropout": "dropout_rate",
    "bs": "batch_size",
    "batch": "batch_size",
    "epoch": "epochs",
    "num_epochs": "epochs",
    "units": "hidden",
    "width": "hidden",
    "hidden_layers": "hidden",
    "opt": "optimizer",
    "early_stopping": "patience",
    "clip": "clip_norm",
    "grad_clip": "clip_norm",
    "eps": "epsilon",
    "init": "kernel_init",
    "arch": "model",
    "val": "validation",
    "val_split": "validation",
    "target": "label",
    "device": "platform",
    "gpu": "platform",
}


class InputError(ValueError):
    """Something the user gave cannot be used.  Raised before any training and before anything is written."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The sentence that helps after a misspelt or foreign name: the nearest valid one, else all of them."""
    bare = lambda one: one.lstrip("-").lower()  # the dashes that all options share make none of them near
    by_bare = {bare(one): one for one in sorted(valid)}
    meant = FOREIGN.get(bare(name).replace("-", "_"))
    close = [one for one in by_bare if one.replace("-", "_") == meant]
    close = close or difflib.get_close_matches(bare(name), by_bare, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{by_bare[close[0]]}`?"
    return f"choose one of {', '.join(f'`{one}`' for one in by_bare.values())}."


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
