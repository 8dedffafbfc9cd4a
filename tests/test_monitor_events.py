"""Events filled in many at a time, read back by TensorBoard's own reader: the oracle is what was given."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from jaxnn.monitor import NUM_BINS, STATISTICS, Description, EventFile
from jaxnn.monitor.probe import Sample

NAMES = ("dense_1/weights", "relu_1/activations")


def draw_samples(num_samples, seed=0):
    """Samples of two tensors whose every number is different, as the device gives them."""
    rng = np.random.default_rng(seed)
    statistics = rng.normal(size=(num_samples, 2, len(STATISTICS))).astype(np.float32)
    statistics[:, :, STATISTICS.index("max")] = statistics[:, :, STATISTICS.index("min")] + 2
    counts = rng.integers(1, 100, (num_samples, 2, NUM_BINS)).astype(np.int32)
    norms = rng.normal(size=(2, num_samples)).astype(np.float32)
    return Sample(np.ones(num_samples, bool), norms[0], norms[1], Description(statistics, counts))


def rows_of(samples, rows):
    """Some of the samples."""
    return Sample(*(leaf[rows] for leaf in samples[:3]), Description(*(leaf[rows] for leaf in samples.tensors)))


def read(folder):
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    return reader.Reload()


def test_every_number_is_where_it_belongs(tmp_path):
    samples, steps = draw_samples(5), [0, 10, 20, 300, 4000]
    with EventFile(tmp_path) as file:
        file.add_samples(steps[:2], NAMES, rows_of(samples, slice(0, 2)))
        file.add_samples(steps[2:], NAMES, rows_of(samples, slice(2, 5)))
    reader = read(tmp_path)
    for tensor, name in enumerate(NAMES):
        for column, kind in enumerate(STATISTICS):
            events = reader.Scalars(f"{name}/{kind}")
            assert [event.step for event in events] == steps
            assert [event.value for event in events] == samples.tensors.statistics[:, tensor, column].tolist()
        for place, event in enumerate(reader.Histograms(name)):
            low, high = samples.tensors.statistics[place, tensor, :2].astype(float)
            assert event.histogram_value.bucket == samples.tensors.counts[place, tensor].tolist()
            limits = np.linspace(low, high, NUM_BINS + 1)[1:]
            np.testing.assert_allclose(event.histogram_value.bucket_limit, limits, rtol=1e-12)
    norms = [event.value for event in reader.Scalars("gradient_norm")]
    assert norms == samples.gradient_norm.tolist()


def test_what_has_no_meaning_is_left_out_and_the_order_is_kept(tmp_path):
    """One step without a finite value, one with the same value everywhere, one whose norm is none."""
    samples = draw_samples(4)
    statistics, counts = samples.tensors
    statistics[1, 0, :7], counts[1, 0] = np.nan, 0
    statistics[2, 0, :2], counts[2, 0] = 7.0, [9] + [0] * (NUM_BINS - 1)
    samples.gradient_norm[3] = np.nan
    with EventFile(tmp_path) as file:
        file.add_samples([0, 1, 2, 3], NAMES, samples)
    reader = read(tmp_path)
    assert [event.step for event in reader.Scalars(f"{NAMES[0]}/mean")] == [0, 2, 3]
    assert [event.step for event in reader.Scalars(f"{NAMES[1]}/mean")] == [0, 1, 2, 3]
    shown = {event.step: event.histogram_value for event in reader.Histograms(NAMES[0])}
    assert list(shown) == [0, 2, 3]
    assert (shown[2].bucket, shown[2].bucket_limit, shown[2].num) == ([9.0], [7.0], 9.0)
    assert np.isnan([event.value for event in reader.Scalars("gradient_norm")]).tolist() == [False] * 3 + [True]


def test_metrics_that_are_not_finite_are_left_out(tmp_path):
    with EventFile(tmp_path) as file:
        file.add_scalars(
            [1, 2, 3], {"loss": np.array([0.5, np.inf, 0.25]), "accuracy": np.array([np.nan, 1.0, 0.0])}
        )
        file.add_scalars([4], {"loss": np.array([np.nan]), "accuracy": np.array([np.nan])})
    reader = read(tmp_path)
    found = {tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}
    assert found == {"loss": [(1, 0.5), (3, 0.25)], "accuracy": [(2, 1.0), (3, 0.0)]}


@pytest.mark.parametrize("names", [NAMES, ()])
def test_a_chunk_without_a_look_writes_nothing(names, tmp_path):
    """A record may be shorter than the steps between two looks."""
    samples = rows_of(draw_samples(3), slice(0, 0))
    samples = samples._replace(tensors=Description(*(leaf[:, : len(names)] for leaf in samples.tensors)))
    with EventFile(tmp_path) as file:
        file.add_samples([], names, samples)
    assert not read(tmp_path).Tags()["scalars"]
