"""Talking to the peer processes: one job a line, so that starting Python is never in a figure."""

import json
import subprocess
from pathlib import Path
from typing import Any

WORKER = Path(__file__).parent / "torch_worker.py"


class Peer:
    """PyTorch in another environment: two processes of it, used one at a time or side by side."""

    def __init__(self, python: str, *, cores: int) -> None:
        self.cores = cores
        command = [python, str(WORKER)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self._processes: list[Any] = [subprocess.Popen(command, **pipes) for _ in range(2)]
        self.version = ""

    def alone(self, job: dict) -> float:
        """Seconds of one job in one process."""
        return self._run([job])

    def side_by_side(self, job: dict) -> float:
        """Seconds for two jobs in two single-thread processes at once, divided by two: the cost of one."""
        single = {**job, "threads": 1}
        return self._run([single, {**single, "seed": 1}]) / 2

    def best_options(self, job: dict) -> dict:
        """The thread count and the form of Adam with which this job is fastest, found on one epoch of each."""
        options = [{"threads": t, "fused": f} for t in sorted({1, self.cores}) for f in (True, False)]
        trial = {**job, "epochs": max(1, job["epochs"] // 10)}
        self.alone({**trial, **options[0]})  # the first job of a process also loads its data
        self.side_by_side({**trial, **options[0]})
        return min(options, key=lambda choice: min(self.alone({**trial, **choice}) for _ in range(2)))

    def close(self) -> None:
        for process in self._processes:
            process.stdin.close()
            process.wait()

    def _run(self, jobs: list[dict]) -> float:
        pairs = list(zip(self._processes, jobs, strict=False))
        for process, job in pairs:
            process.stdin.write(json.dumps(job) + "\n")
        answers = [json.loads(process.stdout.readline()) for process, _ in pairs]
        self.version = answers[0]["torch"]
        return max(answer["seconds"] for answer in answers)
