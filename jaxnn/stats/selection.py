"""Comparisons with the best of several settings, which the very numbers that are compared have chosen."""

import functools

import numpy as np
import scipy.special

# Studies that are simulated: as many as decide whether p < 0.05 to 0.3 points, fewer where they are large.
NUM_STUDIES = 20_000
MOST_VALUES = 5_000_000
VALUES_AT_ONCE = 1_000_000

# An adjusted p-value above which the steps to smaller families are not worth their simulations.
CLEARLY_NOT = 0.1


def adjust_for_selection(p_values: np.ndarray, num_pairs: np.ndarray) -> np.ndarray:
    """p-values of paired t-tests against the best setting, adjusted for their number and for the selection.

    The adjusted value of the smallest p is the share of studies of equal settings in which the best differs from
    some other with so small a p-value; of the next, the same without the other of the smallest, and so on, as in
    Holm's procedure: at most 5% of studies without any true difference show one below 0.05.  It is the step-down
    minimum-p adjustment (Westfall and Young 1993, section 2.6), with the selection as part of what is simulated, of
    independent normal values; where the settings spread differently, the share is smaller.  Holm's own factors, for
    a baseline that was fixed beforehand, let up to five times as many studies show what is not there.

    Args:
        p_values: of every other setting, any shape; NaN where no test was made.
        num_pairs: seeds of each test, of the same shape.

    Returns:
        The adjusted p-values, of the same shape; NaN where there was no test.
    """
    p_values = np.asarray(p_values, np.float64)
    flat, pairs = p_values.ravel(), np.ravel(num_pairs)
    tested = np.flatnonzero(~np.isnan(flat))
    adjusted, largest, num_settings = np.full_like(flat, np.nan), 0.0, len(tested) + 1
    for rank, position in enumerate(tested[np.argsort(flat[tested], kind="stable")]):
        if largest < CLEARLY_NOT:
            num_settings = _rounded_up(len(tested) + 1 - rank)
        smallest = _smallest_p_values(num_settings, int(pairs[position]))
        as_small = np.searchsorted(smallest, flat[position], side="right")
        largest = max(largest, flat[position], (1 + as_small) / (1 + len(smallest)))
        adjusted[position] = largest
    return adjusted.reshape(p_values.shape)


def _rounded_up(count: int) -> int:
    """The next of the family sizes that are simulated, a tenth apart: a larger one is on the safe side."""
    size = 10
    while size < count:
        size += size // 10
    return count if count <= 10 else size


@functools.lru_cache(maxsize=128)
def _smallest_p_values(num_settings: int, num_seeds: int) -> np.ndarray:
    """The smallest p-value of the best setting against the others in each of many studies of equal ones, sorted."""
    values = num_settings * num_seeds
    num_studies = max(1000, min(NUM_STUDIES, MOST_VALUES // values))
    at_once = max(1, VALUES_AT_ONCE // values)
    rng = np.random.default_rng(0)
    found = []
    for start in range(0, num_studies, at_once):
        studies = rng.standard_normal((min(at_once, num_studies - start), num_settings, num_seeds))
        found.append(_smallest_of(studies))
    return np.sort(np.concatenate(found))


def _smallest_of(studies: np.ndarray) -> np.ndarray:
    """(studies, settings, seeds) -> the smallest p-value of each study, of its best setting against the others."""
    num_seeds = studies.shape[-1]
    best = studies.mean(-1).argmax(1)[:, None]
    differences = studies - np.take_along_axis(studies, best[..., None], axis=1)
    error = differences.std(-1, ddof=1) / np.sqrt(num_seeds)
    t = np.abs(differences.mean(-1)) / np.where(error > 0, error, 1)  # 0 of the best itself
    return 2 * scipy.special.stdtr(num_seeds - 1, -t.max(1))
