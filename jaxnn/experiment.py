"""An experiment: a question, what answers it at three sizes, and what is made of the results."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxnn.study import Analysis, Outcome, StudyConfig

Analyse = Callable[[Outcome], Analysis]
Calculation = Callable[[], Analysis]


class Preset(NamedTuple):
    """One study at one size.

    config: what all settings have in common.
    sweep: the axes that vary: field -> its values, or axis -> variants by name.
    analyse: what is made of the outcome; None: what the experiment makes of it.
    question: what this study asks, where the experiment has several; "" is the experiment's own.
    """

    config: StudyConfig
    sweep: Mapping[str, Any]
    analyse: Analyse | None = None
    question: str = ""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One file of `experiments/`: its name, its question, its sizes and its analysis."""

    name: str
    question: str
    presets: Mapping[str, Preset | Mapping[str, Preset] | Calculation]
    """quick (seconds, bundled data), cpu (minutes on two cores), full (an accelerator).  Each is one study, or
    several by the names of these parts, or a function that calculates the answer, with nothing to train."""
    analyse: Analyse = lambda outcome: Analysis()
