"""Whether two descriptions, as `config.json` holds them, are of one study: what differs, and what may.

Where files are, how often a run is saved and what it ran on make no other study; the content of the data does.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jaxnn.errors import InputError
from jaxnn.study.reading import read_study
from jaxnn.study.sweep import expand

PLACES = ("config.data.data_dir", "config.data.path")
EXTENDED = "config.training.epochs"
# Of two studies that have little in common a few of the differences tell as much as all.
DIFFERENCES_SHOWN = 5
# Schedules whose rate at a step does not depend on how many steps there will be.
OPEN_ENDED = ("constant", "exponential", "step")


def identity(description: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a study the one it is: its fields by their dotted names, with plain values.

    A field that is None is left out, so that one which a later version adds makes no other study of this.
    """
    parts = {name: description[name] for name in ("config", "sweep", "seeds", "data_sha256")}
    fields = _flatten(json.loads(json.dumps(parts)))
    return {name: value for name, value in fields.items() if name not in PLACES and value is not None}


def study_sha256(description: Mapping[str, Any]) -> str:
    """A fingerprint of the study that stays the same when it is extended."""
    fields = {name: value for name, value in identity(description).items() if name != EXTENDED}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def check_continues(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether `now` extends the study `earlier`, and is not the same.

    Args:
        earlier: the description of the run in a directory.
        now: the description of what is to be resumed.

    Raises:
        InputError: they differ in more than an extension may; the first of the differences are listed.
    """
    if "parts" in earlier:
        raise InputError(
            "`--resume` continues the same study, and `--output` holds several or none: choose another."
        )
    old, new = identity(earlier), identity(now)
    differing = [name for name in sorted({**old, **new}, key=_is_of_config) if old.get(name) != new.get(name)]
    if not differing:
        return False
    if differing == [EXTENDED] and new[EXTENDED] > old[EXTENDED] and _is_open_ended(now):
        return True
    shown = differing if len(differing) <= DIFFERENCES_SHOWN else differing[: DIFFERENCES_SHOWN - 1]
    listed = [f"`{name}` was {old.get(name)!r} and is {new.get(name)!r}" for name in shown]
    if len(shown) < len(differing):
        listed.append(f"{len(differing) - len(shown)} more fields differ")
    raise InputError(
        f"`--resume` continues the same study (or, where the schedule allows, one of more epochs); "
        f"{'; '.join(listed)}: give it the same configuration, or choose another `--output`."
    )


def _is_of_config(name: str) -> bool:
    """What a command does not show, the content of the data, comes before what it does."""
    return name.startswith("config.")


def _is_open_ended(description: Mapping[str, Any]) -> bool:
    settings = expand(*read_study(json.loads(json.dumps(description))))
    return all(setting.training.schedule in OPEN_ENDED for setting in settings)


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    flat = {}
    for name, one in value.items():
        flat |= _flatten(one, f"{prefix}.{name}" if prefix else name)
    return flat
