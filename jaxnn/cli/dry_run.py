"""`jaxnn run NAME --dry-run`: what a study would train, and what that takes."""

from collections.abc import Mapping

import jax
from rich.console import Console
from rich.table import Table

from jaxnn.labels import bytes_label, count_label, flops_label, setting_label
from jaxnn.study import Plan
from jaxnn.study.cost import Cost, program_cost
from jaxnn.study.memory import shortage
from jaxnn.study.plan import Program
from jaxnn.study.sweep import swept_value_coordinate

MEANING = """\
Work: floating-point operations of the matrix products and convolutions of training and validation, if no network
stops early; tests, a retraining and monitoring come on top.  Memory: on the devices, the state of training, the
data and, of networks that are one vectorised step, the activations; checkpoints take up to three times the state
on the host."""


def print_costs(plans: Mapping[str, Plan]) -> None:
    """A table for each study, by its name: its programs, and what each takes; then what the columns mean."""
    console = Console()
    total: list[Cost] = []
    for name, plan in plans.items():
        costs = [program_cost(plan, program) for program in plan.programs]
        total += costs
        size = f"{count_label(len(plan.settings), 'setting')} x {count_label(len(plan.seeds), 'seed')}"
        table = Table(title=f"{name}: {size}", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for heading in ("program", "networks", "steps each", "work", "memory"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("settings")
        for number, (program, cost) in enumerate(zip(plan.programs, costs, strict=True), 1):
            table.add_row(str(number), *_cells(cost), _settings(plan, program))
        console.print(table)
        print()
    networks = count_label(sum(cost.num_members for cost in total), "network")
    programs, flops = count_label(len(total), "program"), flops_label(sum(cost.flops for cost in total))
    devices = count_label(jax.device_count(), f"{jax.devices()[0].platform.upper()} device")
    print(f"Together: {networks} in {programs}, {flops}; laid out for {devices}.\n\n{MEANING}")
    too_large = list(filter(None, (shortage(cost.memory, num_members=cost.num_members) for cost in total)))
    if too_large:
        print(f"\n{len(too_large)} of {len(total)} programs do not fit here, the first: {too_large[0]}")


def _cells(cost: Cost) -> list[str]:
    return [
        f"{cost.num_members:,}", f"{cost.steps:,}", flops_label(cost.flops), bytes_label(cost.memory.devices)
    ]  # fmt: skip


def _settings(plan: Plan, program: Program) -> str:
    """The settings of a program: the first by its values, of the others their number."""
    first, *others = (plan.settings[position].place for position in program.settings)
    label = setting_label({axis: swept_value_coordinate(value) for axis, value in first.items()})
    return label + (f", and {len(others):,} more" if others else "")
