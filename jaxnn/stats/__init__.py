"""What the numbers of a study say: intervals over seeds, paired comparisons, and selection on validation data."""

from jaxnn.stats.intervals import (
    Comparison,
    Interval,
    binomial_interval,
    holm,
    paired_comparison,
    t_interval,
)
from jaxnn.stats.selection import adjust_for_selection
from jaxnn.stats.studies import (
    Setting,
    SettingResult,
    at_best_epoch,
    at_epoch,
    compare_settings,
    history,
    locate,
    rank_settings,
    resolution,
    select,
    setting_dims,
    settings,
)

__all__ = [
    "Comparison",
    "Interval",
    "Setting",
    "SettingResult",
    "adjust_for_selection",
    "at_best_epoch",
    "at_epoch",
    "binomial_interval",
    "compare_settings",
    "history",
    "holm",
    "locate",
    "paired_comparison",
    "rank_settings",
    "resolution",
    "select",
    "setting_dims",
    "settings",
    "t_interval",
]
