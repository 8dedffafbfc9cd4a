"""Do the checks catch bugs?  Plants each of `bugs.BUGS` in a copy of the source and checks the damaged pair."""

import inspect
import math
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.backprop.bugs import BUGS, Bug
from jaxnn.backprop.check import FLOAT64_TOLERANCE
from jaxnn.backprop.examples import Example, examples
from jaxnn.backprop.pairs import PAIRS, Pair
from jaxnn.backprop.point import Point, by_autodiff, by_hand, largest_error, make_point, misfit
from jaxnn.kernels import conv, conv_matmul, conv_xla, pool, window


class Mutation(NamedTuple):
    """What became of a planted bug: `caught` by which example, at which error (infinite where it raised)."""

    bug: Bug
    caught: bool
    example: str
    error: float


class Truth(NamedTuple):
    """An example with what `jax.vjp` of its reference gives there, computed once for all bugs."""

    example: Example
    point: Point
    y: jax.Array
    grads: list[jax.Array]


def mutate(bugs: list[Bug] = BUGS) -> Iterator[Mutation]:
    """Plant `bugs` one by one and see whether a comparison with `jax.vjp` in float64 catches each.

    A bug is caught if one of the examples of its pair shows a normwise error above the tolerance of `check`, a
    cotangent of the wrong shape, or an exception.
    """
    truths: dict[str, list[Truth]] = {}
    for bug in bugs:
        with jax.enable_x64(True):
            if bug.pair not in truths:
                truths[bug.pair] = [_truth(example) for example in examples() if example.pair == bug.pair]
            damaged = plant(bug)
            found = ((truth.example.name, _error(damaged, truth)) for truth in truths[bug.pair])
            # NaN is an error too
            caught = next(((name, error) for name, error in found if not error <= FLOAT64_TOLERANCE), None)
        yield Mutation(bug, caught is not None, *(caught or ("", 0.0)))


def plant(bug: Bug) -> Pair:
    """The pair with the bug in it.

    The modules that the pair is made of are executed again from their source, the one with the function of the
    bug from its damaged source, and each sees the fresh versions of those before it.
    """
    fresh: dict[str, ModuleType] = {}
    places = 0
    for module in _modules(bug.pair):
        source = inspect.getsource(module)
        function: Any = vars(module).get(bug.function)
        if getattr(function, "__module__", "") == module.__name__:
            text = inspect.getsource(function)
            docstring, quotes, body = text.rpartition('"""')
            places += body.count(bug.right)
            source = source.replace(text, docstring + quotes + body.replace(bug.right, bug.wrong))
        fresh[module.__name__] = _execute(module, source, fresh)
    if places != 1:
        raise ValueError(f"{bug}: `right` occurs {places} times, not once")
    last = fresh[_modules(bug.pair)[-1].__name__]
    return Pair(getattr(last, PAIRS[bug.pair].fwd.__name__), getattr(last, PAIRS[bug.pair].bwd.__name__))


def _modules(pair: str) -> tuple[ModuleType, ...]:
    """The modules whose code a pair runs, the one that holds the pair last."""
    above_kernels = {
        "conv2d": (window, conv_matmul, conv_xla, conv),
        "max_pool": (window, pool),
        "avg_pool": (window, pool),
    }
    return above_kernels.get(pair) or (sys.modules[PAIRS[pair].fwd.__module__],)


def _execute(module: ModuleType, source: str, fresh: dict[str, ModuleType]) -> ModuleType:
    """A second copy of `module` made from `source`, which uses the `fresh` copies of other modules."""
    copy = ModuleType(module.__name__)
    exec(compile(source, str(module.__file__), "exec"), vars(copy))
    for name, value in list(vars(copy).items()):
        if isinstance(value, ModuleType) and value.__name__ in fresh:
            setattr(copy, name, fresh[value.__name__])
        elif getattr(value, "__module__", None) in fresh:
            setattr(copy, name, getattr(fresh[value.__module__], name))
    return copy


def _truth(example: Example) -> Truth:
    pair = example.bound(PAIRS[example.pair])
    point = make_point(example.name, pair.fwd, example.args, np.random.default_rng(0))
    return Truth(example, point, *by_autodiff(example.reference, point))


def _error(damaged: Pair, truth: Truth) -> float:
    pair = truth.example.bound(damaged)
    try:
        y, grads = by_hand(pair.fwd, pair.bwd, truth.point, "float64")
    except (TypeError, ValueError):  # shapes that do not fit; a NameError would be a mistake in the table of bugs
        return math.inf
    if y.shape != truth.y.shape or misfit(grads, truth.point, "float64"):
        return math.inf
    return largest_error([y, *grads], [truth.y, *truth.grads])
