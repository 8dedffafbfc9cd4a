"""Exported files serve without jaxnn.  Oracle: NumPy walking the layers, in a process that never imports jaxnn."""

import json
import subprocess
import sys

import numpy as np
import pytest

from jaxnn.errors import InputError
from jaxnn.saved import export as export_module
from jaxnn.saved import export_run, load_run, predictions

# A reader's whole program: weights by name and the program by its file, for as many rows as it likes.
CLEAN = """
import sys, jax, jax.export, numpy as np
from safetensors.numpy import load_file
folder, rows = sys.argv[1], int(sys.argv[2])
serve = jax.export.deserialize(bytearray(open(folder + "/model.jax", "rb").read())).call
w = load_file(folder + "/weights.safetensors")
kernels = [w[n].astype(np.float64) for n in sorted(w) if n.endswith("kernel")]
biases = [w[n] for n in sorted(w) if n.endswith("bias")]
x = np.random.default_rng(1).integers(0, 17, (rows, 8, 8, 1), np.uint8)
logits = np.maximum(x.reshape(rows, -1) / 16 @ kernels[0] + biases[0], 0) @ kernels[1] + biases[1]
expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
np.testing.assert_allclose(serve(x), expected, rtol=1e-3, atol=1e-6)
assert "jaxnn" not in sys.modules and "flax" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(digits_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "new"
    files = export_run(load_run(digits_run, seed=1), folder)
    assert [file.name for file in files] == ["check.npz", "model.jax", "signature.json", "weights.safetensors"]
    return folder


@pytest.mark.parametrize("rows", [1, 37])
def test_both_files_serve_in_a_process_without_jaxnn(exported, rows):
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN, str(exported), str(rows)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_signature_says_what_goes_in_and_comes_out(exported):
    signature = json.loads((exported / "signature.json").read_text())
    assert signature["inputs"] == {"shape": ["batch", "8", "8", "1"], "dtype": "uint8"}
    assert signature["outputs"] == {"shape": ["batch", "10"], "dtype": "float32"}
    assert signature["class_names"] == [str(digit) for digit in range(10)]
    assert signature["seed"] == 1


def test_batch_statistics_are_exported_too(table_run, tmp_path):
    run = load_run(table_run)
    export_run(run, tmp_path / "new")
    from safetensors.numpy import load_file

    weights = load_file(tmp_path / "new" / "weights.safetensors")
    assert {name.partition("/")[0] for name in weights} == {"params", "batch_stats"}
    check = np.load(tmp_path / "new" / "check.npz")
    np.testing.assert_array_equal(check["expected"], predictions(run, check["inputs"]))


def test_an_export_that_does_not_serve_is_an_error(digits_run, tmp_path, monkeypatch):
    """The proof is not for show: with wrong expectations it fails."""
    right = export_module.predictions
    monkeypatch.setattr(export_module, "predictions", lambda run, x: right(run, x) + 0.01)
    with pytest.raises(RuntimeError, match=r"does not serve: [\s\S]*Not equal to tolerance"):
        export_run(load_run(digits_run), tmp_path / "new")


def test_an_occupied_folder_is_refused(digits_run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="must be a new or empty directory"):
        export_run(load_run(digits_run), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
