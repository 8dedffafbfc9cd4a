"""Finished runs, put to use: loaded, evaluated, asked for predictions, exported, listed and compared."""

from jaxnn.saved.evaluate import evaluate_run
from jaxnn.saved.export import export_run
from jaxnn.saved.inputs import read_any_inputs
from jaxnn.saved.load import LoadedRun, load_run
from jaxnn.saved.predict import ensemble, outputs, predictions

__all__ = [
    "LoadedRun",
    "ensemble",
    "evaluate_run",
    "export_run",
    "load_run",
    "outputs",
    "predictions",
    "read_any_inputs",
]
