"""The checks are checked: every planted bug must be caught, and a sound pair must not be accused."""

import pytest

from jaxnn.backprop.bugs import BUGS, Bug
from jaxnn.backprop.mutate import mutate, plant
from jaxnn.backprop.pairs import PAIRS

pytestmark = pytest.mark.once


def test_every_planted_bug_is_caught():
    missed = [mutation.bug for mutation in mutate() if not mutation.caught]
    assert missed == []


def test_every_pair_has_a_planted_bug():
    assert {bug.pair for bug in BUGS} == set(PAIRS)


def test_a_change_that_is_no_bug_is_not_caught():
    harmless = Bug("dense", "dense_bwd", "the same product", "transposed_matmul(x, y_bar)", "(y_bar.T @ x).T")
    (mutation,) = mutate([harmless])
    assert not mutation.caught


def test_a_bug_that_is_nowhere_is_an_error():
    with pytest.raises(ValueError, match="occurs 0 times"):
        plant(Bug("dense", "dense_bwd", "no such text", "x @ x", ""))
