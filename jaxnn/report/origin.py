"""With what the numbers of a page were made: machine, date, source and versions, as far as they are known."""

import json
from collections.abc import Mapping
from typing import Any

from jaxnn.report.html import Html, definitions, paragraph, preformatted, section

COMMIT_DIGITS = 10


def origin(about: Mapping[str, Any]) -> dict[str, str]:
    """What is known, under the heading that it is shown by.

    Args:
        about: `device`, `date`, `commit` and `versions`, as an environment or the attributes of results have them
            (these hold the versions as JSON).
    """
    versions = about.get("versions", {})
    versions = json.loads(versions) if isinstance(versions, str) else versions
    known = {
        "Device": str(about.get("device", "")),
        "Date": str(about.get("date", "")).replace("T", " "),
        "Commit": _commit_label(about.get("commit") or ""),
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return {name: value for name, value in known.items() if value}


def setup_section(about: Mapping[str, Any], pairs: Mapping[str, str] | None = None) -> Html:
    """What was run, as far as `pairs` say it, on what, and the command that runs it again."""
    pairs = dict(pairs or {})
    pairs |= {name: value for name, value in origin(about).items() if name not in pairs}
    command = [paragraph("To run it again:"), preformatted(str(about["command"]))] if "command" in about else []
    return section("Set-up", definitions(pairs, class_name="setup"), *command)


def measured_by(about: Mapping[str, Any], *facts: str, verb: str = "Measured") -> str:
    """The command, the facts and the origin, as one sentence."""
    known = origin(about)
    if "Commit" in known:
        known["Commit"] = f"commit {known['Commit']}"
    command = f"`{about['command']}`: " if "command" in about else ""
    return f"{verb} by {command}{'; '.join([*facts, *known.values()])}."


def _commit_label(commit: str) -> str:
    """The first digits of a commit, and whether files differed from it, which a + at its end says."""
    return commit[:COMMIT_DIGITS] + (" with changes" if commit.endswith("+") else "")
