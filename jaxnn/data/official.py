"""MNIST and Fashion-MNIST from their official files, every byte checked."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxnn.data.config import DataConfig
from jaxnn.data.idx import parse_idx, read_bytes
from jaxnn.data.types import Source, Split
from jaxnn.errors import InputError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


class Official(NamedTuple):
    """An official set of four IDX files."""

    origin: str
    class_names: tuple[str, ...]
    sha256: dict[str, str]


OFFICIAL = {
    "mnist": Official(
        origin="MNIST handwritten digits (LeCun, Cortes and Burges, 1998), http://yann.lecun.com/exdb/mnist/.",
        class_names=tuple("0123456789"),
        sha256={
            TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion_mnist": Official(
        origin="Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), https://github.com/zalandoresearch/fashion-mnist.",
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        sha256={
            TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
}


def data_root(data_dir: str | Path | None) -> Path:
    """The folder of data files: the argument, else $JAXNN_DATA_DIR, else `jaxnn` in the user's cache folder."""
    chosen = data_dir or os.environ.get("JAXNN_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jaxnn"


def mnist_like(config: DataConfig) -> Source:
    """MNIST or Fashion-MNIST, by `config.dataset`, with its official test set."""
    official = OFFICIAL[config.dataset]
    folder = data_root(config.data_dir) / config.dataset
    train, test = read_official(folder, official.sha256)
    return Source(
        train,
        official.origin,
        class_names=official.class_names,
        scale=1 / 255,
        test=test,
        sha256=official.sha256,
    )


def read_official(folder: Path, sha256: dict[str, str]) -> tuple[Split, Split]:
    """Training and test set out of the four IDX files of a folder.

    Raises:
      InputError: a file is missing, its SHA-256 is not the given one, or it is not what its name says.
    """
    missing = [name for name in sha256 if not (folder / name).is_file()]
    if missing:
        raise InputError(f"`{folder}` must hold {', '.join(f'`{name}`' for name in missing)}.")
    images_and_labels = [(TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)]
    train, test = (
        pair_up(*(_read_checked(folder / name, sha256[name]) for name in names), name=str(folder / names[1]))
        for names in images_and_labels
    )
    return train, test


def pair_up(images: np.ndarray, labels: np.ndarray, *, name: str) -> Split:
    """The Split of IDX images (n, h, w) uint8 and labels (n,) uint8; `name` is the label file's."""
    if images.ndim != 3 or images.dtype != np.uint8:
        raise InputError(f"`{name}` must belong to images, of rank 3 and bytes; got {images.dtype} {images.shape}.")
    if labels.shape != images.shape[:1] or labels.dtype != np.uint8:
        raise InputError(
            f"`{name}` must hold one label (a byte) for each of the {len(images)} images; got {labels.dtype} "
            f"{labels.shape}."
        )
    return Split(images[..., None], labels.astype(np.int32))


def _read_checked(path: Path, sha256: str) -> np.ndarray:
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"`{path}` must be the official file, of SHA-256 {sha256}; got {found}: it is damaged or another file, "
            f"fetch it again."
        )
    return parse_idx(content, name=str(path))
