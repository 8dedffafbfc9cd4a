"""Studies: a configuration and a grid, trained as few programs, returned and saved as labelled arrays."""

from jaxnn.study.config import ModelConfig, MonitorConfig, StudyConfig, TrainConfig
from jaxnn.study.describe import Analysis
from jaxnn.study.interrupt import Interrupted
from jaxnn.study.keeping import CheckpointConfig
from jaxnn.study.outcome import Outcome, conclude
from jaxnn.study.plan import Plan, Program, Setting, plan_study
from jaxnn.study.runner import ResumeWarning, run_study
from jaxnn.study.training import Progress, TrainedProgram, predict_members, train_study

__all__ = [
    "Analysis",
    "CheckpointConfig",
    "Interrupted",
    "ModelConfig",
    "MonitorConfig",
    "Outcome",
    "Plan",
    "Program",
    "Progress",
    "ResumeWarning",
    "Setting",
    "StudyConfig",
    "TrainConfig",
    "TrainedProgram",
    "conclude",
    "plan_study",
    "predict_members",
    "run_study",
    "train_study",
]
