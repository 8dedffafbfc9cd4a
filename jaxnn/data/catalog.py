"""The official sets: their files, their hashes, and the folder where they are looked for."""

import os
from pathlib import Path
from typing import NamedTuple

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
