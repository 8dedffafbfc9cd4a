"""An experiment: a question, what answers it at three sizes, and what is made of the results."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxnn.study import Analysis, Outcome, StudyConfig
from jaxnn.study.describe import no_analysis

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
    analyse: Analyse = no_analysis


def analysis_of(
    experiment: Experiment,
    preset: Preset | None,
    config: StudyConfig,
    sweep: Mapping[str, Any],
    *,
    debug: bool = False,
) -> Analyse:
    """What `experiment` makes of a study that was `preset` before fields or axes were changed (None: not known).

    An analysis is written for the axes of its presets.  One that fails on another study is left out of the report,
    which says so, as does a line on stderr; on the preset itself, and with `debug`, it is an error.
    """
    if preset is None:
        return experiment.analyse
    analyse = preset.analyse or experiment.analyse
    if debug or analyse is no_analysis or (config == preset.config and dict(sweep) == dict(preset.sweep)):
        return analyse

    def as_far_as_possible(outcome: Outcome) -> Analysis:
        try:
            return analyse(outcome)
        except Exception as error:  # whatever code written for other axes may run into
            reason = str(error).splitlines()[0] if str(error) else "no reason given"
            note = (
                f"The analysis of `{experiment.name}` is left out: it is written for what its presets vary, and "
                f"fails on this study ({type(error).__name__}: {reason})."
            )
            print(f"jaxnn: {note}", file=sys.stderr)
            return Analysis(notes=[note])

    return as_far_as_possible
