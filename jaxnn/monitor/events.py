"""Event files for TensorBoard; the only place that knows tensorboardX."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxnn.monitor.probe import Sample
from jaxnn.monitor.statistics import NUM_BINS, STATISTICS


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
        scalars = {"gradient_norm": float(sample.gradient_norm), "update_ratio": float(sample.update_ratio)}
        rows = np.asarray(sample.tensors.statistics).tolist()
        for name, row in zip(names, rows, strict=True):
            # What has no meaning is NaN, the one value that differs from itself.
            scalars |= {
                f"{name}/{key}": value for key, value in zip(STATISTICS, row, strict=True) if value == value
            }
        self._add(step, [*_scalar_values(scalars), *_histogram_values(names, sample.tensors)])

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


def _histogram_values(names: Sequence[str], tensors: Any) -> list:
    """The histograms of all tensors: one bin where all values are the same, none where no value is finite."""
    from tensorboardX.proto.summary_pb2 import HistogramProto, Summary  # pyright: ignore[reportAttributeAccessIssue]

    columns = np.asarray(tensors.statistics, np.float64).T
    low, high, mean, std = (columns[STATISTICS.index(name)] for name in ("min", "max", "mean", "std"))
    num = tensors.counts.sum(axis=-1)
    limits = low[:, None] + (high - low)[:, None] * (np.arange(1, NUM_BINS + 1) / NUM_BINS)
    limits[:, -1] = high
    moments = np.stack([low, high, num, num * mean, num * (std**2 + mean**2)], axis=1)
    values = []
    for row in np.flatnonzero(num).tolist():
        same = low[row] == high[row]
        least, most, count, total, squares = moments[row].tolist()
        histogram = HistogramProto(
            min=least,
            max=most,
            num=count,
            sum=total,
            sum_squares=squares,
            bucket_limit=[most] if same else limits[row].tolist(),
            bucket=[count] if same else tensors.counts[row].tolist(),
        )
        values.append(Summary.Value(tag=names[row], histo=histogram))
    return values
