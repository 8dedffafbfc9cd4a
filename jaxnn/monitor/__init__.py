"""Seeing inside a network while it learns: statistics of its tensors, taken on the device every so many steps."""

from jaxnn.monitor.events import EventFile
from jaxnn.monitor.probe import Probe, Sample, make_probe, positions_in_padded, sample_shapes, tensor_names
from jaxnn.monitor.sampling import Look, Sampling, make_look, no_samples, samples_kept, watched_loop
from jaxnn.monitor.statistics import NUM_BINS, STATISTICS, Description, Tensor, describe

__all__ = [
    "NUM_BINS",
    "STATISTICS",
    "Description",
    "EventFile",
    "Look",
    "Probe",
    "Sample",
    "Sampling",
    "Tensor",
    "describe",
    "make_look",
    "make_probe",
    "no_samples",
    "positions_in_padded",
    "sample_shapes",
    "samples_kept",
    "tensor_names",
    "watched_loop",
]
