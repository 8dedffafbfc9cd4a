"""A member of a run as files that serve without jaxnn: a compiled-anywhere program, and its weights.

model.jax             jax.export: stored inputs (batch, *input_shape) -> probabilities, or outputs
weights.safetensors   the variables by their paths, with what they are in the metadata
signature.json        shapes, dtypes, class names, and how to call the program
check.npz             a few inputs and what the program must say of them
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jaxnn.errors import InputError
from jaxnn.metrics import probabilities
from jaxnn.saved.load import LoadedRun
from jaxnn.saved.predict import predictions

PLATFORMS = ("cpu", "cuda", "tpu")

# What a process without jaxnn does with the files: it is both the check and the example.
SERVE = """
import sys
from pathlib import Path
import jax, jax.export
import numpy as np
from safetensors.numpy import load_file

folder = Path(sys.argv[1])
serve = jax.export.deserialize(bytearray((folder / "model.jax").read_bytes())).call
check = np.load(folder / "check.npz", allow_pickle=False)
np.testing.assert_allclose(serve(check["inputs"]), check["expected"], rtol=1e-4, atol=1e-6)
weights = load_file(folder / "weights.safetensors")
for name, array in weights.items():
    np.testing.assert_array_equal(array, check["weights/" + name])
assert "jaxnn" not in sys.modules
"""


def export_run(run: LoadedRun, folder: Path | str, *, check_inputs: np.ndarray | None = None) -> list[Path]:
    """Write the chosen member of a run as files, and prove in a new process that they serve without jaxnn.

    Args:
        run: a loaded run.
        folder: a new or empty directory.
        check_inputs: stored inputs (rows, *input_shape) for the proof; None draws some.

    Returns:
        The files.

    Raises:
        InputError: the folder holds something, or cannot be written.
        RuntimeError: what was written does not serve.
    """
    from safetensors.numpy import save

    folder = _empty(Path(folder))
    x = _draw_inputs(run) if check_inputs is None else check_inputs
    exported = _export(run, x.dtype)
    weights = _flatten(run.variables)
    (folder / "model.jax").write_bytes(exported.serialize())
    (folder / "weights.safetensors").write_bytes(save(weights, metadata={"config": json.dumps(_network(run))}))
    (folder / "signature.json").write_text(json.dumps(_signature(run, exported), indent=2) + "\n", encoding="utf-8")
    expected = {"inputs": x, "expected": predictions(run, x)} | {f"weights/{n}": a for n, a in weights.items()}
    np.savez(folder / "check.npz", allow_pickle=False, **expected)
    _prove(folder)
    return sorted(folder.iterdir())


def _export(run: LoadedRun, dtype: np.dtype) -> jax.export.Exported:
    def serve(x):
        found: Any = run.model.apply(run.variables, x.astype(jnp.float32) * run.info.scale)
        return probabilities(found, run.recipe.loss) if run.tells_classes else found

    shape = jax.export.symbolic_shape(", ".join(["batch", *map(str, run.info.input_shape)]))
    return jax.export.export(jax.jit(serve), platforms=PLATFORMS)(jax.ShapeDtypeStruct(shape, dtype))


def _draw_inputs(run: LoadedRun, rows: int = 5) -> np.ndarray:
    """Inputs of the right kind: bytes where the data are scaled, else numbers."""
    draw, shape = np.random.default_rng(0), (rows, *run.info.input_shape)
    if run.info.scale != 1:
        return draw.integers(0, round(1 / run.info.scale), shape, np.uint8, endpoint=True)
    return draw.normal(size=shape).astype(np.float32)


def _signature(run: LoadedRun, exported: jax.export.Exported) -> dict[str, Any]:
    (inputs,), (found,) = exported.in_avals, exported.out_avals
    info = run.info
    return {
        "inputs": {"shape": [str(n) for n in inputs.shape], "dtype": str(inputs.dtype)},
        "outputs": {"shape": [str(n) for n in found.shape], "dtype": str(found.dtype)},
        "meaning": "probabilities of the classes" if run.tells_classes else "numbers",
        "class_names": info.class_names,
        "feature_names": info.feature_names,
        "features": info.features,
        "feature_mean": info.feature_mean,
        "feature_std": info.feature_std,
        "projection": info.projection,
        "source_shape": info.source_shape,
        "source_scale": info.source_scale,
        "data": info.name,
        "seed": run.seed,
        "platforms": PLATFORMS,
        "jax": jax.__version__,
        "call": 'jax.export.deserialize(bytearray(open("model.jax", "rb").read())).call(inputs)',
    }


def _network(run: LoadedRun) -> dict[str, Any]:
    """The fields of the model's configuration that were given."""
    fields = vars(run.config.model)
    return {name: value for name, value in fields.items() if value is not None} | {"scale": run.info.scale}


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    flat: dict[str, np.ndarray] = {}
    for name, one in tree.items():
        path = f"{prefix}/{name}" if prefix else name
        flat |= _flatten(one, path) if isinstance(one, Mapping) else {path: np.ascontiguousarray(one)}
    return flat


def _empty(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"`--output {folder}` must be a new or empty directory: choose another.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"`--output {folder}` cannot be written: {error.strerror}; choose another.") from None
    return folder


def _prove(folder: Path) -> None:
    """Load both files in a process that knows nothing of jaxnn, and compare."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", SERVE, str(folder.resolve())], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"what was exported to `{folder}` does not serve: {done.stderr.strip()[-2000:]}")
