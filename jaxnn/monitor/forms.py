"""Events for TensorBoard that differ in their numbers alone: made once by the library, filled in many at a time.

To make an event takes longer than a small network needs for the steps between two of them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

# The fields of a histogram before the limits of its bins and their counts.
MOMENTS = ("min", "max", "num", "sum", "sum_squares")


class Form(NamedTuple):
    """An event without its numbers.

    event: its bytes.
    numbers: where they stand in it: a field for each scalar, then for each histogram those of `MOMENTS`, the limits
        of its bins and their counts.
    """

    event: bytes
    numbers: np.dtype


def make_form(scalars: Sequence[str], histograms: Mapping[str, int]) -> Form:
    """The form of an event with scalars of these tags, and histograms of so many bins by theirs; at least one."""
    formats = ["<f4"] * len(scalars)
    for num_bins in histograms.values():
        formats += [*["<f8"] * len(MOMENTS), f"({num_bins},)<f8", f"({num_bins},)<f8"]
    # Two events whose numbers have no byte in common differ where the numbers are, in the order of the fields.
    event, other = (_event_of(scalars, histograms, filler) for filler in (b"\x11", b"\x22"))
    places = np.flatnonzero(np.frombuffer(event, np.uint8) != np.frombuffer(other, np.uint8))
    ends = np.cumsum([np.dtype(one).itemsize for one in formats])
    offsets = places[np.concatenate([[0], ends[:-1]])].tolist()
    names = [str(position) for position in range(len(formats))]
    layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": len(event)}
    return Form(event, np.dtype(layout))  # pyright: ignore[reportArgumentType, reportCallIssue]


def filled(form: Form, columns: Sequence[np.ndarray]) -> list[bytes]:
    """The bytes of several events of a form.

    Args:
        form: of them all.
        columns: for each of its numbers, or its rows of numbers, those of every event, (events,) or (events, bins).
    """
    size, num_events = len(form.event), len(columns[0])
    events = bytearray(form.event * num_events)
    numbers = np.frombuffer(events, form.numbers)
    for name, column in zip(form.numbers.names or (), columns, strict=True):
        numbers[name] = column
    return [bytes(events[start : start + size]) for start in range(0, num_events * size, size)]


def _event_of(scalars: Sequence[str], histograms: Mapping[str, int], filler: bytes) -> bytes:
    """The bytes of an event all of whose numbers consist of one byte."""
    from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

    single, double = np.frombuffer(filler * 4, "<f4").item(), np.frombuffer(filler * 8, "<f8").item()
    event = Event()
    for tag in scalars:
        event.summary.value.add(tag=tag, simple_value=single)
    for tag, num_bins in histograms.items():
        limits = counts = [double] * num_bins
        moments = dict.fromkeys(MOMENTS, double)
        event.summary.value.add(tag=tag, histo={**moments, "bucket_limit": limits, "bucket": counts})
    return event.SerializeToString()
