"""What a person reads while a study trains; oracle: the times of a made-up course, by hand."""

import numpy as np
from tiny_studies import tiny_config, tiny_data

from jaxnn.study import plan_study, progress
from jaxnn.study.training import Progress


def seen(program, last, seconds):
    """Four of two members' records trained in a chunk, with nothing else to tell."""
    none = np.zeros(2, np.int32)
    history = {"val_loss": np.full((2, 4), 0.5)}
    return Progress(program, 0, last, history, none, none - 1, examples=100, seconds=seconds)


def test_the_time_left_counts_the_compilations_to_come(monkeypatch, capsys):
    """Three programs of 4 records, each compiled in 10 seconds and trained in 2."""
    plan = plan_study(tiny_config(), {"activation": ("relu", "tanh", "elu")}, load=tiny_data)
    now = 0.0
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now)
    with progress.ProgressLine() as line:
        for clock, chunk in ((11.0, seen(0, 2, 1.0)), (12.0, seen(0, 4, 1.0)), (24.0, seen(1, 4, 2.0))):
            now = clock
            line(plan, chunk)
    left = [text.rsplit(" | ", 1)[1] for text in capsys.readouterr().out.splitlines()]
    assert left == ["25s left", "24s left", "12s left"]
