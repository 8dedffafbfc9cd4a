"""Finding the experiments: files of `experiments/`, beside the package in a checkout, inside it when installed."""

import ast
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from jaxnn.errors import InputError

if TYPE_CHECKING:  # it loads JAX, which a list of names and questions need not wait for
    from jaxnn.experiment import Experiment


def experiments_dir() -> Path:
    """The folder of the experiment files."""
    package = Path(__file__).resolve().parent
    for folder in (package.parent / "experiments", package / "experiments"):
        if folder.is_dir():
            return folder
    raise InputError("`experiments/` is missing from this installation: install jaxnn again.")


def experiment_files() -> dict[str, Path]:
    """The name of every experiment -> its file."""
    return {path.stem: path for path in sorted(experiments_dir().glob("*.py")) if not path.stem.startswith("_")}


def question_of(path: Path) -> str:
    """The first line of an experiment's docstring, read without running the file."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def load_experiment(path: Path) -> "Experiment":
    """The `EXPERIMENT` that a file of `experiments/` defines."""
    return runpy.run_path(str(path))["EXPERIMENT"]
