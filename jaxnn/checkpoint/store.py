"""Named arrays in a folder, by Orbax.  The only file that knows it.

Orbax is imported where it is used: it takes a second, and most of what jaxnn does never saves anything.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays into a folder that does not exist yet; empty ones, which Orbax refuses, are left out.

    Args:
        folder: where to.
        arrays: by name; a name may hold any characters.
    """
    import orbax.checkpoint.experimental.v1 as ocp

    ocp.save(str(folder.resolve()), {name: array for name, array in arrays.items() if array.size})


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a folder as they were written."""
    import orbax.checkpoint.experimental.v1 as ocp

    return dict(ocp.load(str(folder.resolve())))
