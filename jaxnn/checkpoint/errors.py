"""What can go wrong with a checkpoint."""


class CheckpointError(RuntimeError):
    """A checkpoint could not be written, or none that is left can be read."""


class DamageWarning(UserWarning):
    """A checkpoint was found damaged, and the one before it is used."""
