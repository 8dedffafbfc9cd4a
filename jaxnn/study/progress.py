"""What a person sees while a study trains: one tidy line on a terminal, plain lines elsewhere."""

import contextlib
import math
import time

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from jaxnn.run import BETTER
from jaxnn.study.plan import Plan
from jaxnn.study.training import Progress

# Elsewhere than on a terminal a line is printed for the first records, and then about this often.
PLAIN_SECONDS = 10.0


class ProgressLine:
    """An observer of `train_study` that draws the line; use it as a context."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._printed = -math.inf
        self._plan: Plan | None = None
        self._begun_at = time.perf_counter()
        self._done_seconds = 0.0

    def __enter__(self) -> "ProgressLine":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._live.stop()

    def announce(self, text: str) -> None:
        """Show what happens before the first numbers, such as compilation; on a terminal only."""
        if self._console.is_terminal:
            self._live.update(Text(text, style="dim"))

    def __call__(self, plan: Plan, progress: Progress) -> None:
        if plan is not self._plan:  # another study begins, such as the retraining of the selected setting
            if self._plan is not None:
                self._begun_at = time.perf_counter()
            self._plan, self._done_seconds = plan, 0.0
        self._done_seconds += progress.seconds
        line = progress_line(plan, progress, self._time_left(plan, progress))
        if self._console.is_terminal:
            with contextlib.suppress(OSError):
                self._live.update(Text(line))
            return
        finished = progress.last == plan.programs[progress.program].recipe.run.num_records
        now = time.perf_counter()
        if progress.first == 0 or finished or now - self._printed > PLAIN_SECONDS:
            self._printed = now
            with contextlib.suppress(OSError):
                print(line, flush=True)

    def _time_left(self, plan: Plan, progress: Progress) -> float:
        """Seconds, if what remains goes at the pace of what is done, and is waited for (compiled) as long."""
        member_records = [len(p.settings) * p.recipe.run.num_records for p in plan.programs]
        now = plan.programs[progress.program]
        done = sum(member_records[: progress.program]) + len(now.settings) * progress.last
        waited = max(0.0, time.perf_counter() - self._begun_at - self._done_seconds) / (progress.program + 1)
        to_come = len(plan.programs) - progress.program - 1
        return self._done_seconds * (sum(member_records) - done) / done + waited * to_come


def progress_line(plan: Plan, progress: Progress, seconds_left: float) -> str:
    """The line: program, epoch, members alive, best so far, patience left, examples a second, time left."""
    run = plan.programs[progress.program].recipe.run
    alive = int(((progress.stopped_at == 0) & (progress.diverged_at < 0)).sum())
    parts = []
    if len(plan.programs) > 1:
        parts.append(f"program {progress.program + 1}/{len(plan.programs)}")
    parts.append(f"epoch {progress.last * run.eval_every}/{run.epochs}")
    parts.append(f"{alive}/{len(progress.stopped_at)} members")
    values = progress.history.get(run.select_on)
    if values is not None and np.isfinite(values).any():
        best = np.nanmax(values) if BETTER[run.select_on] == "max" else np.nanmin(values)
        parts.append(f"best {run.select_on} {best:.4f}")
        if run.patience is not None:
            parts.append(
                f"patience {_patience_left(values[:, : progress.last], run.patience, BETTER[run.select_on])}"
            )
    if progress.examples:  # none once every member has ended
        parts.append(f"{_short(progress.examples / max(progress.seconds, 1e-9))} examples/s")
    parts.append(f"{_duration(seconds_left)} left")
    return " | ".join(parts)


def _patience_left(values: np.ndarray, patience: int, mode: str) -> int:
    """Records that the most patient member still waits for a better one."""
    signed = np.where(np.isfinite(values), values if mode == "min" else -values, np.inf)
    stale = values.shape[1] - 1 - signed.argmin(axis=1)
    return int(max(0, patience - stale.min()))


def _short(number: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.1f}{unit}"
    return f"{number:.0f}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}m{seconds:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"
