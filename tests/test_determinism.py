"""The same bits again.  Oracle: the same study once more, in other chunks and in another process."""

import hashlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import losses, models
from jaxnn.data import DataConfig
from jaxnn.study import ModelConfig, StudyConfig, TrainConfig, plan_study, train_study
from jaxnn.train import autodiff_value_and_grad
from jaxnn.types import Batch, Hparams

CONFIG = StudyConfig(
    data=DataConfig("blobs", num_examples=90),
    model=ModelConfig("mlp", hidden=(7,)),
    training=TrainConfig(epochs=5, batch_size=9),
    hparams=Hparams(dropout_rate=0.1, input_noise=0.1),
    seeds=3,
)
ELSEWHERE = f"""
import sys
sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
from jaxnn import runtime
runtime.start(platform="cpu", cpu_devices=2, deterministic=True)
from jaxnn.study import training
from test_determinism import fingerprint
training.CHUNK_SECONDS = 0.0  # one record each
print(fingerprint())
"""


def fingerprint() -> str:
    """SHA-256 of every array that training gives."""
    digest = hashlib.sha256()
    for one in train_study(plan_study(CONFIG, {"learning_rate": (0.01, 0.03)})):
        for leaf in jax.tree.leaves((one.history, one.best, one.last, one.best_epoch)):
            digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def test_again_in_another_process_and_in_other_chunks():
    """With the switch for GPUs on, which XLA must know, and which changes nothing on CPU."""
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == fingerprint(), done.stderr


def test_the_switch_adds_to_the_flags_that_are_there():
    check = """
import os
os.environ["XLA_FLAGS"] = "--xla_cpu_enable_fast_math=false"
from jaxnn import runtime
for _ in range(2):
    runtime.start(platform="cpu", cpu_devices=1, deterministic=True)
print(os.environ["XLA_FLAGS"])
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["--xla_cpu_enable_fast_math=false", "--xla_gpu_deterministic_ops=true"]


@pytest.mark.parametrize("window", [(2, 2), (3, 3)])
def test_pooling_has_no_gradient_without_a_deterministic_kernel(window):
    """On a GPU select-and-scatter does not compile under the switch.  Flax's pooling shows what to look for."""
    import flax.linen as nn

    x, y = jnp.zeros((2, 12, 12, 1)), jnp.zeros((2,), jnp.int32)
    layers = [models.Conv(2), models.MaxPool(window), models.AvgPool(window), models.Flatten(), models.Dense(3)]
    model = models.network(layers)
    grad = autodiff_value_and_grad(model, losses.softmax_cross_entropy)
    params = model.init(jax.random.key(0), x)["params"]
    ours = jax.jit(grad).lower(params, {}, Batch(x, y), jax.random.key(1), Hparams()).as_text()
    theirs = jax.jit(jax.grad(lambda x: nn.max_pool(x, window).sum())).lower(x).as_text()
    assert "select_and_scatter" in theirs
    assert "select_and_scatter" not in ours
