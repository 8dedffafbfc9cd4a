"""An experiment: a question, the study that answers it at three sizes, and what is made of the results."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxnn.study import Analysis, Outcome, StudyConfig


class Preset(NamedTuple):
    """An experiment at one size: a configuration, and the fields that are swept."""

    config: StudyConfig
    sweep: Mapping[str, Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One file of `experiments/`: its name, its question, its sizes and its analysis."""

    name: str
    question: str
    presets: Mapping[str, Preset]
    """quick (seconds, bundled data), cpu (minutes on two cores), full (an accelerator)."""
    analyse: Callable[[Outcome], Analysis] = lambda outcome: Analysis()
