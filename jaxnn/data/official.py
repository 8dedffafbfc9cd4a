"""MNIST and Fashion-MNIST from their official files, every byte checked."""

import hashlib
import os
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxnn.data.config import DataConfig
from jaxnn.data.idx import parse_idx, read_bytes
from jaxnn.data.types import Source, Split, array_sha256
from jaxnn.errors import InputError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


class Official(NamedTuple):
    """An official set: its four gzipped IDX files by name, and the arrays that they decode to."""

    origin: str
    url: str
    class_names: tuple[str, ...]
    sha256: dict[str, str]
    array_sha256: dict[str, str]


OFFICIAL = {
    "mnist": Official(
        origin="MNIST handwritten digits (LeCun, Cortes and Burges, 1998), http://yann.lecun.com/exdb/mnist/.",
        url="https://storage.googleapis.com/cvdf-datasets/mnist/",
        class_names=tuple("0123456789"),
        sha256={
            TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        array_sha256={
            "train_x": "26da94c315732497567265bc5c274596c47dbdc131d6718ccef796d9af498eee",
            "train_y": "66cf4f06198bcfebe343ae6a1ec54191fae8c3a49be370cb34fce33975436713",
            "test_x": "b0b68d2515234ee16e93a83da568aaa53b1e7b307310c42575123d11af109643",
            "test_y": "5a72d601ce6a15e25718b3f81d2bf5cd0a033802ca8f5b4b5e537468dd07eefd",
        },
    ),
    "fashion_mnist": Official(
        origin="Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), https://github.com/zalandoresearch/fashion-mnist.",
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
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
        array_sha256={
            "train_x": "c4912c60d03e7e2e1307361e41e06cdefec16107a50f81a8e4103f1543f94973",
            "train_y": "03045bdecd492a3992f8d9a23b08f43f21420221b6ba00db7bcf3c1a0c60dbf6",
            "test_x": "d95e478749800a71dd30f918e6126a94dedf1ab9007a2b56b77de5beffe766da",
            "test_y": "33480df8fff37247933fb5bca60b55f653b8928742075e68035bd562b98f6f8d",
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
    """MNIST or Fashion-MNIST, by `config.dataset`, with its official test set.

    From the four IDX files if they are in the data folder, else from the arrays cached there, else through TFDS,
    and then cached.
    """
    official, root = OFFICIAL[config.dataset], data_root(config.data_dir)
    folder = root / config.dataset
    cached = folder / "arrays.npz"
    if not missing_files(config.dataset, folder):
        train, test = read_official(folder, official.sha256)
    else:
        if not cached.is_file():
            from jaxnn.data.prepare import prepare  # imports TFDS, which takes seconds

            write_cached(cached, *prepare(config.dataset, root))
        train, test = read_cached(cached, official.array_sha256)
    return Source(
        train,
        official.origin,
        class_names=official.class_names,
        scale=1 / 255,
        test=test,
        sha256=official.sha256,
    )


def missing_files(name: str, folder: Path) -> list[str]:
    """Which of a set's four official files a folder lacks."""
    return [file for file in OFFICIAL[name].sha256 if not (folder / file).is_file()]


def read_official(folder: Path, sha256: dict[str, str]) -> tuple[Split, Split]:
    """Training and test set out of the four IDX files of a folder.

    Raises:
      InputError: a file cannot be read, its SHA-256 is not the given one, or it is not what its name says.
    """

    def read(file: str) -> np.ndarray:
        return parse_idx(read_checked(folder / file, sha256[file]), name=str(folder / file))

    train = pair_up(read(TRAIN_IMAGES), read(TRAIN_LABELS), name=str(folder / TRAIN_LABELS))
    return train, pair_up(read(TEST_IMAGES), read(TEST_LABELS), name=str(folder / TEST_LABELS))


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


def read_checked(path: Path, sha256: str, *, name: str | None = None) -> bytes:
    """The content of a file whose SHA-256 is known; InputError with both hashes if it is another."""
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    _check_hash(name or str(path), sha256, found, "is damaged or not the official file: put that in its place")
    return content


def write_cached(path: Path, train: Split, test: Split) -> None:
    """Keep decoded arrays; the file appears whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(partial, train_x=train.x, train_y=train.y, test_x=test.x, test_y=test.y)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"`{path}` must be writable, to keep the decoded set: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)


def read_cached(path: Path, sha256: dict[str, str]) -> tuple[Split, Split]:
    """Read back what `write_cached` kept, each array checked against its SHA-256."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in sha256}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"`{path}` must be a cache of decoded arrays: {error}; delete it to make it anew."
        ) from error
    for name, expected in sha256.items():
        found = array_sha256(arrays[name])
        _check_hash(f"{name}` of `{path}", expected, found, "is damaged: delete the file to make it anew")
    return Split(arrays["train_x"], arrays["train_y"]), Split(arrays["test_x"], arrays["test_y"])


def _check_hash(name: str, expected: str, found: str, problem: str) -> None:
    if found != expected:
        raise InputError(f"`{name}` must have the SHA-256 {expected}; got {found}: it {problem}.")
