"""Event files for TensorBoard; the only place that knows tensorboardX."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.monitor.probe import Sample
from jaxnn.monitor.statistics import NUM_BINS, STATISTICS


class _Form(NamedTuple):
    """An event to be filled in for sample after sample: making one takes five times as long as filling it in.

    scalars: its values that are numbers: the two norms, then tensor by tensor the statistics that have a meaning.
    histograms: its values that are histograms, of the tensors that have finite values.
    """

    event: Any
    scalars: list[Any]
    histograms: list[Any]


class EventFile:
    """A new event file in a folder of its own, written as a context; event files that are there go away.

    TensorBoard shows what has been flushed.  A step is one of training, counted from 0.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        folder.mkdir(parents=True, exist_ok=True)
        for earlier in folder.glob("events.out.tfevents.*"):
            earlier.unlink()
        self._writer = EventsWriter(str(folder / "events"))
        self._forms: dict[tuple, _Form] = {}

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_sample(self, step: int, names: Sequence[str], sample: Sample) -> None:
        """What was seen before a step: scalars "layer/tensor/statistic", histograms "layer/tensor", and the norms.

        Args:
            step: of training.
            names: of the tensors, from `tensor_names`.
            sample: one sample, of NumPy arrays.
        """
        statistics, counts = np.asarray(sample.tensors.statistics, np.float64), np.asarray(sample.tensors.counts)
        present, num = ~np.isnan(statistics), counts.sum(axis=-1)  # what has no meaning is NaN
        form = self._form(tuple(names), present, num > 0)
        norms = float(sample.gradient_norm), float(sample.update_ratio)
        for value, number in zip(form.scalars, [*norms, *statistics[present].tolist()], strict=True):
            value.simple_value = number
        _fill_histograms(form.histograms, statistics[num > 0], counts[num > 0])
        form.event.wall_time, form.event.step = time.time(), step
        self._writer.write_event(form.event)

    def add_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Numbers by their tags."""
        self._add(step, _scalar_values(scalars))

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
        self._writer.flush()

    def close(self) -> None:
        """Flush, and write no more."""
        self._writer.close()

    def _form(self, names: tuple[str, ...], present: np.ndarray, counted: np.ndarray) -> "_Form":
        """An event for samples that have these statistics and these histograms, made once."""
        kind = names, present.tobytes(), counted.tobytes()
        if kind not in self._forms:
            self._forms[kind] = _make_form(names, present, counted)
        return self._forms[kind]

    def _add(self, step: int, values: Sequence) -> None:
        # One event for many values: a queue and a thread for each number would take longer than the training.
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

        self._writer.write_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))


def one_sample(samples: Any, member: int, position: int) -> Sample:
    """One sample out of arrays with leading axes (members, samples)."""
    return jax.tree.map(lambda leaf: leaf[member, position], samples)


def _scalar_values(scalars: Mapping[str, float]) -> list:
    from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

    return [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]


def _make_form(names: Sequence[str], present: np.ndarray, counted: np.ndarray) -> _Form:
    from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

    event = Event()
    tags = ["gradient_norm", "update_ratio"]
    tags += [f"{names[row]}/{STATISTICS[column]}" for row, column in np.argwhere(present).tolist()]
    scalars = [event.summary.value.add(tag=tag) for tag in tags]
    histograms = [event.summary.value.add(tag=names[row]).histo for row in np.flatnonzero(counted).tolist()]
    return _Form(event, scalars, histograms)


def _fill_histograms(histograms: Sequence[Any], statistics: np.ndarray, counts: np.ndarray) -> None:
    """The histograms of tensors that have finite values: one bin where all of them are the same."""
    low, high, mean, std = (statistics[:, STATISTICS.index(name)] for name in ("min", "max", "mean", "std"))
    num = counts.sum(axis=-1)
    limits = low[:, None] + (high - low)[:, None] * (np.arange(1, NUM_BINS + 1) / NUM_BINS)
    limits[:, -1] = high
    moments = np.stack([low, high, num, num * mean, num * (std**2 + mean**2)], axis=1).tolist()
    # Of Python's floats: whole numbers would be converted one by one.
    rows = zip(histograms, moments, limits.tolist(), counts.astype(np.float64).tolist(), strict=True)
    for histogram, (least, most, total, first, second), edges, bins in rows:
        histogram.min, histogram.max, histogram.num = least, most, total
        histogram.sum, histogram.sum_squares = first, second
        histogram.bucket_limit[:] = [most] if least == most else edges
        histogram.bucket[:] = [total] if least == most else bins
