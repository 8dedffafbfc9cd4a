"""Timings of jaxnn beside its peers, interleaved (A B A B ...) in one run: medians, ranges and ratios.

Compilation is not in a figure and is shown beside it.  Absolute seconds depend on the machine and its load; the
ratios are of neighbours in time.  Without a peer, jaxnn alone is timed.

    scripts/bench                                        # jaxnn alone
    scripts/bench --with-peers ENV/bin/python            # beside PyTorch, from an environment that has it
    scripts/bench --case Fashion --rounds 5 --json FILE
"""

import dataclasses
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from jaxnn import runtime


@dataclasses.dataclass(frozen=True)
class Options:
    """Time jaxnn, alone or beside PyTorch."""

    with_peers: str | None = None
    """Python of an environment that has PyTorch."""
    case: str = ""
    """Only the cases with this in their name; or `memory` and `start` (fresh processes); or, only when asked for,
    `gradients` (by hand beside autodiff), `monitoring`, `checkpoints` (what one costs), `padding` (several widths
    in one program), `convolution` (its forms), `floor` (beside a bare loop), `execution` (vectorised, or one member
    after another) and `ablation` (what jaxnn's other choices are worth)."""
    rounds: int = 5
    """Interleaved rounds of each case."""
    json: Path | None = None
    """File for the raw numbers."""


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    runtime.start(platform="cpu")
    from cases import CASES
    from peers import Peer

    console = Console(width=140)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {runtime.num_cores()} cores, load {os.getloadavg()[0]:.1f}")
    results = {"machine": platform.platform(), "matmul_gflops": matmul_rate()}
    print(f"XLA matmul 2048 x 2048, all cores: {results['matmul_gflops']:.0f} GFLOP/s")
    peer = Peer(options.with_peers, cores=runtime.num_cores()) if options.with_peers else None
    table = Table(*COLUMNS, title="Seconds for one member and epoch; ratios are peer / jaxnn", title_justify="left")
    for case in CASES:
        if options.case in case.name:
            results[case.name] = measured = time_case(case, peer, rounds=options.rounds)
            table.add_row(case.name, *_cells(measured, results["matmul_gflops"]))
    if table.row_count:
        console.print(table)
    if peer:
        print(f"peer: PyTorch {peer.version}")
        peer.close()
    results |= _process_figures(options.case)
    if options.case == "gradients":
        from gradients import print_gradients

        print_gradients(rounds=options.rounds)
    if options.case == "checkpoints":
        from checkpoints import print_checkpoints

        results["checkpoints"] = print_checkpoints(rounds=options.rounds)
    if options.case == "padding":
        from padding import print_padding

        results["padding"] = print_padding(rounds=options.rounds)
    if options.case == "monitoring":
        from monitoring import print_monitoring

        print_monitoring(rounds=options.rounds)
    if options.case == "convolution":
        from convolution import print_convolution

        results["convolution"] = print_convolution(rounds=options.rounds)
    if options.case == "floor":
        from floor import print_floor

        print_floor(rounds=options.rounds)
    if options.case == "execution":
        from ablation import execution_rows

        results["execution"] = _print_alternatives(execution_rows(rounds=options.rounds))
    if options.case == "ablation":
        from ablation import ablation_rows

        results["ablation"] = _print_alternatives(ablation_rows(rounds=options.rounds))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


COLUMNS = ("case", "jaxnn", "compile", "GFLOP/s (share)", "PyTorch", "ratio", "2 processes", "ratio")


def time_case(case, peer, *, rounds: int) -> dict:
    """Rounds of jaxnn, the peer alone and two peers side by side, each per member and epoch."""
    from cases import load, save_for_peer

    from jaxnn.study import plan_study
    from jaxnn.study.training import train_program

    plan = plan_study(case.config, {}, load=load)
    data = plan.settings[0].data
    units = case.members * case.epochs
    figures: dict[str, list[float]] = {"jaxnn": [], "compile": [], "torch": [], "two": []}
    with tempfile.TemporaryDirectory() as folder:
        job = {
            "data": f"{folder}/data.npz",
            "widths": case.widths,
            "batch_size": case.batch_size,
            "epochs": case.peer_epochs,
            "autoencoder": case.model.model == "autoencoder",
            "seed": 0,
        }
        if peer:
            save_for_peer(job["data"], data)
            job |= peer.best_options(job)
        figures["compile"].append(train_program(plan, 0).compile_seconds)  # the rounds use what it compiled
        for _ in range(rounds):
            figures["jaxnn"].append(train_program(plan, 0).run_seconds / units)
            if peer:
                figures["torch"].append(peer.alone(job) / case.peer_epochs)
                figures["two"].append(peer.side_by_side(job) / case.peer_epochs)
    gflops = case.flops(data) / (statistics.median(figures["jaxnn"]) * units) / 1e9
    return {**figures, "gflops": gflops, "peer_options": {k: job[k] for k in ("threads", "fused") if k in job}}


def matmul_rate(size: int = 2048) -> float:
    """GFLOP/s of one large float32 product on all cores, the best of ten."""
    import jax
    import jax.numpy as jnp

    a = jnp.ones((size, size))
    product = jax.jit(lambda a: a @ a)
    product(a).block_until_ready()
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        product(a).block_until_ready()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds) / 1e9


def _cells(measured: dict, matmul_gflops: float) -> list[str]:
    ours = measured["jaxnn"]
    cells = [_spread(ours), f"{statistics.median(measured['compile']):.1f} s"]
    cells.append(f"{measured['gflops']:.0f} ({measured['gflops'] / matmul_gflops:.0%})")
    for name in ("torch", "two"):
        if measured[name]:
            ratios = [theirs / our for theirs, our in zip(measured[name], ours, strict=True)]
            cells += [_spread(measured[name]), f"{statistics.median(ratios):.1f}x"]
    return cells


def _spread(seconds: list[float]) -> str:
    """The median in milliseconds, with the range."""
    low, middle, high = (1e3 * f(seconds) for f in (min, statistics.median, max))
    return f"{middle:.3g} ms ({low:.3g}-{high:.3g})"


def _process_figures(case: str) -> dict:
    from processes import peak_memory, seconds_to_first_result

    results = {}
    if case in ("", "memory"):
        results["peak_mib"] = {members: peak_memory(members) for members in (1, 8, 64)}
        text = ", ".join(f"{members}: {mib:.0f} MiB" for members, mib in results["peak_mib"].items())
        print(f"peak memory of a process that trains 784-128-10, by members: {text}")
    if case in ("", "start"):
        cold, warm = results["first_result_seconds"] = seconds_to_first_result()
        print(f"first result of `jaxnn run widths --preset quick`: {cold:.1f} s cold, {warm:.1f} s warm")
    return results


def _print_alternatives(rows: Iterable[tuple[str, str, dict[str, float]]]) -> list:
    shown = []
    for case, choice, figures in rows:
        print(f"{case:<42}{choice:<34}" + ", ".join(f"{name} {ms:.3g} ms" for name, ms in figures.items()))
        shown.append((case, choice, figures))
    return shown


if __name__ == "__main__":
    main()
