"""What the numbers of a study say: intervals over seeds, paired comparisons, and selection on validation data."""

from jaxnn.stats.cross_validation import (
    compare_over_folds,
    is_cross_validated,
    rank_over_folds,
    recorded_selection,
    select,
    without_fold,
)
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
    "compare_over_folds",
    "compare_settings",
    "history",
    "holm",
    "is_cross_validated",
    "locate",
    "paired_comparison",
    "rank_over_folds",
    "rank_settings",
    "recorded_selection",
    "resolution",
    "select",
    "setting_dims",
    "settings",
    "t_interval",
    "without_fold",
]
