"""Event files for TensorBoard, by tensorboardX."""

import functools
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxnn.monitor.forms import Form, filled, make_form
from jaxnn.monitor.probe import Sample
from jaxnn.monitor.statistics import NUM_BINS, STATISTICS

# Forms that a process keeps, some 10 KiB each: a network has one for its samples, one for its records, and others
# where a tensor has no finite value or only one.
FORMS_KEPT = 64

# The scalars of a sample that belong to no tensor.
NORMS = ("gradient_norm", "update_ratio")


class _Histograms(NamedTuple):
    """The histograms of several tensors in several events, (events, tensors): fields of `forms.MOMENTS`, and counts
    (events, tensors, NUM_BINS); `num` is 0 for a tensor that has no finite value, and so none."""

    min: np.ndarray
    max: np.ndarray
    num: np.ndarray
    sum: np.ndarray
    sum_squares: np.ndarray
    counts: np.ndarray


class EventFile:
    """A new event file in a folder of its own, written as a context; event files that are there go away.

    TensorBoard shows what has been flushed.  A step is one of training, counted from 0.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboardX.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        for earlier in folder.glob("events.out.tfevents.*"):
            earlier.unlink()
        now = time.time()
        # Not the library's writer of events: it would make each of them anew, from bytes that are there.
        self._records = RecordWriter(str(folder / f"events.out.tfevents.{now:.0f}.{socket.gethostname()}"))
        self._records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_samples(self, steps: Sequence[int] | np.ndarray, names: Sequence[str], samples: Sample) -> None:
        """What was seen before some steps: scalars "layer/tensor/statistic", histograms "layer/tensor", the norms.

        Args:
            steps: of training.
            names: of the tensors, from `tensor_names`.
            samples: of NumPy arrays, with a leading axis.
        """
        statistics = np.asarray(samples.tensors.statistics, np.float64)
        tags = [*NORMS, *(f"{name}/{kind}" for name in names for kind in STATISTICS)]
        norms = np.stack([samples.gradient_norm, samples.update_ratio], axis=1)
        scalars = np.concatenate([norms, statistics.reshape(len(statistics), len(tags) - len(NORMS))], axis=1)
        present = ~np.isnan(scalars)  # a statistic that has no meaning is NaN
        present[:, : len(NORMS)] = True
        histograms = _histograms(statistics, np.asarray(samples.tensors.counts))
        self._add_numbers(steps, tags, scalars, present, names, histograms)

    def add_scalars(self, steps: Sequence[int] | np.ndarray, scalars: Mapping[str, np.ndarray]) -> None:
        """Numbers by their tags, one for every step; where one is not finite there is none."""
        values = np.stack(list(scalars.values()), axis=1)
        none = _histograms(np.zeros((len(values), 0, len(STATISTICS))), np.zeros((len(values), 0, NUM_BINS)))
        self._add_numbers(steps, list(scalars), values, np.isfinite(values), (), none)

    def add_image(self, step: int, tag: str, pixels: np.ndarray) -> None:
        """An image, (height, width, 3) uint8."""
        from tensorboardX import summary

        self._add(step, summary.image(tag, pixels, dataformats="HWC").value)

    def add_hparams(self, hparams: Mapping[str, Any], metrics: Sequence[str]) -> None:
        """What the network was made and trained with, and the tags of the scalars it is judged by.

        Every key is written, whatever its value, so that the runs of a study have the same columns; what is neither
        a number nor a truth value is written as text.
        """
        from tensorboardX import summary

        plain = {
            name: value if isinstance(value, bool | int | float) else str(value) for name, value in hparams.items()
        }
        for part in summary.hparams(plain, dict.fromkeys(metrics, 0.0)):
            self._add(0, part.value)

    def flush(self) -> None:
        """Bring everything to the disk, where TensorBoard sees it."""
        self._records.flush()

    def close(self) -> None:
        """Write no more; TensorBoard sees all of it, and the system brings it to the disk in its own time."""
        self._records.close()

    def _add_numbers(
        self,
        steps: Sequence[int] | np.ndarray,
        tags: Sequence[str],
        scalars: np.ndarray,
        present: np.ndarray,
        names: Sequence[str],
        histograms: _Histograms,
    ) -> None:
        """An event for every step that has something: the scalars (steps, tags) that are present, the histograms
        that hold values.  Steps that have the same are filled in together; all are written in their order."""
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

        num_bins = _bins_shown(histograms)
        alike: dict[bytes, list[int]] = {}
        for row, kind in enumerate(np.concatenate([present, num_bins], axis=1)):
            alike.setdefault(kind.tobytes(), []).append(row)
        events: dict[int, bytes] = {}
        for rows in alike.values():
            bins = num_bins[rows[0]].tolist()
            held = np.flatnonzero(present[rows[0]]).tolist()
            shown = np.flatnonzero(bins).tolist()
            if not held and not shown:
                continue
            form = _form(tuple(tags[i] for i in held), tuple((names[i], bins[i]) for i in shown))
            columns = [scalars[rows, i] for i in held]
            columns += [column for i in shown for column in _columns(histograms, rows, i, bins[i])]
            events |= zip(rows, filled(form, columns), strict=True)
        now = time.time()
        for row in sorted(events):
            # The bytes of two messages, one after the other, are those of both in one.
            when = Event(wall_time=now, step=int(steps[row])).SerializeToString()
            self._records.write(when + events[row])

    def _add(self, step: int, values: Sequence) -> None:
        # One event for many values: a queue and a thread for each number would take longer than the training.
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        self._records.write(event.SerializeToString())


@functools.lru_cache(maxsize=FORMS_KEPT)
def _form(scalars: tuple[str, ...], histograms: tuple[tuple[str, int], ...]) -> Form:
    """The form of events with these tags, made once for all files: the networks of a study have the same."""
    return make_form(scalars, dict(histograms))


def _histograms(statistics: np.ndarray, counts: np.ndarray) -> _Histograms:
    """The histograms of tensors with statistics (events, tensors, 10) and counts (events, tensors, NUM_BINS)."""
    low, high, mean, std = (statistics[..., STATISTICS.index(name)] for name in ("min", "max", "mean", "std"))
    num = counts.sum(axis=-1)
    return _Histograms(low, high, num, num * mean, num * (std**2 + mean**2), counts)


def _bins_shown(histograms: _Histograms) -> np.ndarray:
    """How many bins each histogram has: one where all values are the same, none where there is no value."""
    is_single = histograms.min == histograms.max
    return np.where(histograms.num == 0, 0, np.where(is_single, 1, NUM_BINS))


def _columns(histograms: _Histograms, rows: list[int], tensor: int, num_bins: int) -> list[np.ndarray]:
    """The numbers of one tensor's histogram of so many bins in some events, as a form wants them."""
    *moments, counts = (field[rows, tensor] for field in histograms)
    low, high, num = moments[0][:, None], moments[1][:, None], moments[2][:, None]
    limits = low + (high - low) * (np.arange(1, num_bins + 1) / num_bins)
    limits[:, -1:] = high
    return [*moments, limits, num if num_bins == 1 else counts]
