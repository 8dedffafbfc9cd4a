"""Saving in the background, while training goes on."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from jaxnn.checkpoint.manifest import About
from jaxnn.checkpoint.steps import save_checkpoint


class Saver:
    """Saves one checkpoint at a time in a thread of its own; use it as a context.

    An error of a save comes out of the next call, and out of the end of the context at the latest.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    def __enter__(self) -> "Saver":
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        try:
            self.wait()
        except Exception:
            if error_type is None:
                raise
        finally:
            self._executor.shutdown()

    def save(self, folder: Path, number: int, arrays: Mapping[str, np.ndarray], about: About) -> None:
        """Start to save checkpoint `number` of `folder`, when the save before it is done."""
        self.wait()
        self._pending = self._executor.submit(save_checkpoint, folder, number, arrays, about)

    def check(self) -> None:
        """Raise what a save that is over has raised."""
        if self._pending is not None and self._pending.done():
            self.wait()

    def wait(self) -> None:
        """Wait for the save under way."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()
