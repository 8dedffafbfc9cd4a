"""`jaxnn runs`: list, show, compare and remove the directories of runs."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxnn.errors import InputError, unknown
from jaxnn.labels import count_label
from jaxnn.saved.listing import RunSummary, compare_runs, find_runs, remove_run, summarize
from jaxnn.study.rundir import part_names

ABOUT = ("experiment", "question", "date", "command", "device")
ACTIONS = {
    "list": "jaxnn runs [list] [FOLDER]       every run in a folder (runs/)",
    "show": "jaxnn runs show RUN              what a run is, and what it found",
    "compare": "jaxnn runs compare RUN RUN ...   what differs between runs, and what each found",
    "remove": "jaxnn runs remove RUN ... --yes  delete runs",
}


def runs_command(arguments: Sequence[str]) -> int:
    """`jaxnn runs ACTION ...`; returns the exit status."""
    if set(arguments) & {"-h", "--help"}:
        print("usage:\n  " + "\n  ".join(ACTIONS.values()))
        return 0
    words = [word for word in arguments if not word.startswith("-")]
    options = {word for word in arguments if word.startswith("-")} - {"--debug"}
    action = words.pop(0) if words and words[0] in ACTIONS else "list"
    for option in options - ({"--yes"} if action == "remove" else set()):
        raise unknown("option", option, ["--yes", "--help"])
    if action == "list":
        return _list(words)
    if not words:
        raise InputError(f"`jaxnn runs {action}` needs the directory of a run: `{ACTIONS[action].split('  ')[0]}`.")
    paths = [Path(word) for word in words]
    if action == "remove":
        return _remove(paths, sure="--yes" in options)
    return _show([summarize(path) for path in paths], together=action == "compare")


def _list(words: Sequence[str]) -> int:
    folders = [Path(word) for word in words or ("runs",)]
    for folder in folders if words else ():
        if not folder.is_dir():
            raise unknown("action of `jaxnn runs`, nor a folder", str(folder), ACTIONS)
    runs = [run for folder in folders for run in find_runs(folder)]
    if not runs:
        print(f"no runs in {', '.join(map(str, folders))}")
        return 0
    _print_table([("run", "status", "experiment", "date", "selected", "validation"), *map(_row, runs)])
    return 0


def _row(path: Path) -> list[str]:
    try:
        one = summarize(path)
    except InputError as error:
        return [str(path), "unreadable", "", "", str(error), ""]
    date = str(one.description.get("date", ""))[:16].replace("T", " ")
    names, facts = part_names(one.description), list(one.facts.values())
    if names is not None:
        facts = [count_label(len(names), "part")] if names else ["a calculation"]
    selected = facts[0] if facts else one.status.detail
    return [
        str(path), one.status.state, str(one.description.get("experiment", "")), date, selected, *facts[1:2], ""
    ][:6]  # fmt: skip


def _show(summaries: Sequence[RunSummary], *, together: bool) -> int:
    if together:
        rows = [[name, *values] for name, values in compare_runs(summaries).items()]
        _print_table([["", *(str(one.path) for one in summaries)], *rows])
        return 0
    for one in summaries:
        about = {name: str(one.description.get(name, "")) for name in ABOUT}
        status = f"{one.status.state} {f'({one.status.detail})' if one.status.detail else ''}".strip()
        for name, value in {"run": str(one.path), "status": status, **about, **one.facts}.items():
            print(f"{name:<20} {value}")
    return 0


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print a table, titles first, in which nothing is cut, paths least of all.

    In a narrow terminal the cells after the first fold between their words; in one too narrow for that, the first
    cell of a row has a line of its own, and the others follow below.
    """
    console, gap = Console(), 2
    columns = list(zip(*rows, strict=True))
    widest = [max(map(cell_len, cells)) for cells in columns]
    widths = [max(cell_len(word) for cell in cells for word in [*cell.split(), ""]) for cells in columns]
    widths[0] = widest[0]
    gaps = gap * (len(columns) - 1)
    if not sys.stdout.isatty():
        console.width = sum(widest) + gaps
    spare = console.width - sum(widths) - gaps
    if spare < 0:
        for first, *others in rows:
            print(first, (" " * gap).join(other or "-" for other in others), sep="\n    ")
        return
    for i, wanted in enumerate(widest):
        given = min(wanted - widths[i], spare)
        widths[i], spare = widths[i] + given, spare - given
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False)
    for title, width in zip(rows[0], widths, strict=True):
        table.add_column(Text(title), width=width, overflow="fold")
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    console.print(table)


def _remove(paths: Sequence[Path], *, sure: bool) -> int:
    for path in paths:
        summarize(path)
    if not sure:
        raise InputError(f"`jaxnn runs remove` deletes {', '.join(f'`{p}`' for p in paths)} for good: add `--yes`.")
    for path in paths:
        remove_run(path)
        print(f"removed {path}")
    return 0
