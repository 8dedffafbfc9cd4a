"""Seeing inside a network while it learns: statistics of its tensors, taken on the device every so many steps."""

from jaxnn.monitor.events import EventFile
from jaxnn.monitor.probe import Probe, Sample, make_probe, tensor_names
from jaxnn.monitor.sampling import Look, Sampling, make_look, no_samples, samples_kept, watched_loop
from jaxnn.monitor.statistics import NUM_BINS, STATISTICS, Description, Stack, describe

__all__ = [
    "NUM_BINS",
    "STATISTICS",
    "Description",
    "EventFile",
    "Look",
    "Probe",
    "Sample",
    "Sampling",
    "Stack",
    "describe",
    "make_look",
    "make_probe",
    "no_samples",
    "samples_kept",
    "tensor_names",
    "watched_loop",
]
