"""jaxnn: whole studies of neural networks, trained as one compiled JAX program.

Models are pure functions (`init` / `apply`), training is a scan, and the unit of training is a population:
every setting and every seed of a study that share their shapes run at once.  See README.md for a tour.

`jaxnn.load_run` opens a finished run; it is imported when it is first asked for, so that `import jaxnn` is instant.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxnn.saved import load_run

__version__ = "0.1.0"
__all__ = ["load_run"]


def __getattr__(name: str):
    if name == "load_run":
        from jaxnn.saved import load_run

        return load_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
