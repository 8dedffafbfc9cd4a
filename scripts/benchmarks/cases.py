"""What is timed: a study of jaxnn, and the same network for the peer."""

import dataclasses

import numpy as np

from jaxnn.data import Data, DataConfig, from_arrays, load_config
from jaxnn.errors import InputError
from jaxnn.study import ModelConfig, StudyConfig, TrainConfig
from jaxnn.types import Hparams


@dataclasses.dataclass(frozen=True)
class Case:
    """A population and its peer.  `peer_epochs` of the peer are timed and scaled to those of the study."""

    name: str
    data: DataConfig
    model: ModelConfig
    epochs: int
    batch_size: int
    members: int
    widths: tuple[int, ...]
    peer_epochs: int

    @property
    def config(self) -> StudyConfig:
        """The study: one setting, `members` seeds."""
        return StudyConfig(
            data=self.data,
            model=self.model,
            training=TrainConfig(epochs=self.epochs, batch_size=self.batch_size),
            hparams=Hparams(learning_rate=1e-3),
            seeds=self.members,
        )

    def flops(self, data: Data) -> float:
        """Floating-point operations of the matrix products of the whole study: 2 a weight and example forward, and
        backward as much again for the kernels and for every input but the first layer's."""
        sizes = [a * b for a, b in zip(self.widths, self.widths[1:], strict=False)]
        train, validation = len(data.train.x), len(data.validation.x)
        step = 2 * (2 * sum(sizes) + sum(sizes[1:]))
        return self.members * self.epochs * (train * step + validation * 2 * sum(sizes))


TWO_D = DataConfig("moons", num_examples=1000, validation=250, test=0, noise=0.2)
FASHION = DataConfig("fashion_mnist", validation=20_000, test=0)


def two_d(*hidden: int, batch_size: int = 32) -> Case:
    """A small network on points of the plane."""
    name = f"2-D, 2-{'-'.join(map(str, hidden))}-2, batch {batch_size}"
    model, widths = ModelConfig("mlp", hidden=hidden), (2, *hidden, 2)
    return Case(name, TWO_D, model, 200, batch_size, 20, widths, peer_epochs=20)


def _fashion(units: int, batch_size: int) -> Case:
    name = f"Fashion-MNIST, 784-{units}-10, batch {batch_size}"
    model = ModelConfig("mlp", hidden=(units,))
    return Case(name, FASHION, model, 2, batch_size, 8, (784, units, 10), peer_epochs=1)


CASES = (
    two_d(2),
    two_d(100),
    two_d(100, 100),
    *(_fashion(units, batch_size) for units in (16, 128) for batch_size in (128, 32)),
    Case(
        "autoencoder, 784-128-784, batch 256",
        FASHION,
        ModelConfig("autoencoder", code=128),
        1,
        256,
        4,
        (784, 128, 784),
        peer_epochs=1,
    ),
)


def load(config: DataConfig) -> Data:
    """The data of a case; random images of the same size and type where the official files are absent."""
    try:
        return load_config(config)
    except InputError as error:
        print(f"({error}  Timed on random images of the same size.)")
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (60_000, 28, 28, 1), dtype=np.uint8)
        labels = rng.integers(0, 10, 60_000).astype(np.int32)
        return from_arrays(images, labels, scale=1 / 255, validation=20_000, test=0)


def save_for_peer(path, data: Data) -> None:
    """The same arrays as the peer takes them: flat floats and int64 labels."""
    flat = lambda x: (x.reshape(len(x), -1) * np.float32(data.info.scale)).astype(np.float32)
    np.savez(
        path,
        x=flat(data.train.x),
        y=data.train.y.astype(np.int64),
        x_val=flat(data.validation.x),
        y_val=data.validation.y.astype(np.int64),
    )
