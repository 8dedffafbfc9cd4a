"""The `jaxnn` command.

Bad input is one sentence on standard error and exit status 2; `--debug` shows where it arose.
"""

from jaxnn.cli.main import experiment_main, main

__all__ = ["experiment_main", "main"]
