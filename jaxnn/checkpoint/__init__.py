"""Checkpoints: named arrays on disk, each proven whole before it counts, and read back to the bit or refused.

Nothing here knows of training.  Orbax writes and reads the arrays; what it does not promise (hashes of the content,
a way back past a damaged checkpoint, a check of shapes and dtypes before reading) is added around it.
"""

from jaxnn.checkpoint.errors import CheckpointError, DamageWarning
from jaxnn.checkpoint.manifest import About, Leaves, Manifest, leaves_of
from jaxnn.checkpoint.saver import Saver
from jaxnn.checkpoint.steps import (
    Checkpoint,
    load_checkpoint,
    load_last,
    read_about,
    save_checkpoint,
    saved_numbers,
)

__all__ = [
    "About",
    "Checkpoint",
    "CheckpointError",
    "DamageWarning",
    "Leaves",
    "Manifest",
    "Saver",
    "leaves_of",
    "load_checkpoint",
    "load_last",
    "read_about",
    "save_checkpoint",
    "saved_numbers",
]
