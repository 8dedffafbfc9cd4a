"""`jaxnn gradcheck`: a table of every hand-derived pair and how far it is from the truth."""

import math
import sys
from collections.abc import Sequence
from json import dumps

from rich.console import Console
from rich.table import Table

from jaxnn.backprop.check import Check, check
from jaxnn.backprop.check_model import check_model
from jaxnn.backprop.examples import examples
from jaxnn.backprop.mutate import Mutation
from jaxnn.backprop.mutate import mutate as plant_bugs
from jaxnn.backprop.pairs import PAIRS

_FIGURES = {
    "forward": "value",
    "jax.vjp\nfloat64": "vjp_float64",
    "jax.vjp\nfloat32": "vjp_float32",
    "central\ndifferences": "differences",
}
_COLORS = {"pass": "green", "fail": "bold red"}


def main(*, json: bool = False, mutate: bool = False, model: str | None = None) -> int:
    """Check, print, and return the exit status: 1 if anything fails, else 0.

    Args:
        json: print a list of rows, each with `name`, `verdict` and figures, instead of a table.
        mutate: check the checks instead: plant bugs; a row passes if its bug is caught.
        model: check the gradient of the network with this name instead of the pairs.
    """
    if mutate:
        mutations = list(plant_bugs())
        rows, table = [mutation_row(mutation) for mutation in mutations], mutation_table(mutations)
    else:
        checks = check_pairs() if model is None else [check_model(model)]
        rows, table = [check_row(result) for result in checks], check_table(checks)
    num_passed = sum(row["verdict"] == "pass" for row in rows)
    if json:
        print(dumps(rows, indent=1, allow_nan=False))
    else:
        # A pipe has no width; rich would take 80 columns for it.
        console = Console() if sys.stdout.isatty() else Console(width=130)
        console.print(table)
        what = "planted bugs were caught" if mutate else "checks passed"
        console.print(f"{num_passed} of {len(rows)} {what}.")
    return 0 if num_passed == len(rows) else 1


def check_pairs() -> list[Check]:
    """`check` at every example of every pair."""
    return [
        check(*example.bound(PAIRS[example.pair]), *example.args, reference=example.reference, name=example.name)
        for example in examples()
    ]


def check_row(result: Check) -> dict:
    """A result as JSON can hold it: what is not finite (the slope of a linear function) becomes None."""
    return {name: _finite(value) for name, value in result._asdict().items()}


def check_table(results: Sequence[Check]) -> Table:
    """The figures of all results: errors are ||found - wanted|| / ||wanted||, the largest over the tensors."""
    table = Table(title="Hand-derived gradients", caption="errors: largest normwise, ‖found - wanted‖ / ‖wanted‖")
    table.add_column("pair", no_wrap=True)
    table.add_column("verdict")
    for heading in (*_FIGURES, "Taylor\nslope"):
        table.add_column(heading, justify="right")
    table.add_column("dtype")
    for result in results:
        figures = [f"{getattr(result, field):.0e}" for field in _FIGURES.values()]
        slope = "linear" if math.isinf(result.taylor_slope) else f"{result.taylor_slope:.2f}"
        verdict = f"[{_COLORS[result.verdict]}]{result.verdict}[/]"
        table.add_row(result.name, verdict, *figures, slope, result.reason or result.dtype)
    return table


def mutation_row(mutation: Mutation) -> dict:
    """A planted bug as JSON can hold it; the error is None where the damaged pair raised or gave NaN."""
    bug = mutation.bug
    return {
        "name": f"{bug.pair}: {bug.what} in {bug.function}",
        "verdict": "pass" if mutation.caught else "fail",
        "right": bug.right,
        "wrong": bug.wrong,
        "caught_by": mutation.example,
        "error": _finite(mutation.error),
    }


def mutation_table(mutations: Sequence[Mutation]) -> Table:
    """Every planted bug, with what was written instead of what, and the example that gave it away."""
    table = Table(title="Planted bugs", caption="caught by a comparison with jax.vjp in float64")
    for heading in ("pair", "bug", "instead of", "stands", "verdict"):
        table.add_column(heading)
    table.add_column("error", justify="right")
    for mutation in mutations:
        bug = mutation.bug
        verdict = "[green]caught[/]" if mutation.caught else "[bold red]missed[/]"
        error = f"{mutation.error:.0e}" if math.isfinite(mutation.error) else "raised"
        table.add_row(bug.pair, bug.what, _plain(bug.right), _plain(bug.wrong), verdict, error)
    return table


def _finite(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(code: str) -> str:
    return code.replace("[", r"\[")  # rich reads square brackets as markup
