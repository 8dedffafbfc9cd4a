"""Official sets through TensorFlow Datasets, without TensorFlow.

Imported only when the official files are not there: importing TFDS takes seconds.  TFDS knows the addresses
and checksums of the files, takes those that lie in `manual_dir` from there and downloads the others.  Its own
MNIST builders need TensorFlow to unpack the files and to encode the images; the builders here do neither.

    python -m jaxnn.data.prepare [mnist] [fashion_mnist] [--data-dir DIR]   # what scripts/download runs
"""

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from jaxnn.data.catalog import OFFICIAL, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, data_root
from jaxnn.data.idx import read_idx
from jaxnn.data.official import missing_files, pair_up, read_checked
from jaxnn.data.types import Split
from jaxnn.errors import InputError, unknown


class _Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Four gzipped IDX files -> PNG records in their original order."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        official = OFFICIAL[self.name]
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(28, 28, 1), encoding_format="png"),
                "label": tfds.features.ClassLabel(names=list(official.class_names)),
            }
        )
        return tfds.core.DatasetInfo(
            builder=self, description=official.origin, features=features, disable_shuffling=True
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        official = OFFICIAL[self.name]
        paths = dl_manager.download({name: official.url + name for name in official.sha256})
        return {
            "train": self._generate_examples(paths[TRAIN_IMAGES], paths[TRAIN_LABELS]),
            "test": self._generate_examples(paths[TEST_IMAGES], paths[TEST_LABELS]),
        }

    def _generate_examples(self, images: PathLike, labels: PathLike) -> Iterator[tuple[int, dict]]:
        split = pair_up(read_idx(Path(images)), read_idx(Path(labels)), name=str(labels))
        for row, (image, label) in enumerate(zip(split.x, split.y, strict=True)):
            yield row, {"image": Image.fromarray(image[..., 0]), "label": int(label)}


class Mnist(_Builder, skip_registration=True):
    """MNIST."""

    name = "mnist"


class FashionMnist(_Builder, skip_registration=True):
    """Fashion-MNIST."""

    name = "fashion_mnist"


_BUILDERS = {builder.name: builder for builder in (Mnist, FashionMnist)}


def prepare(name: str, root: Path) -> tuple[Split, Split]:
    """Prepare a set with TFDS and read it back.

    Args:
      name: "mnist" or "fashion_mnist".
      root: the data folder: official files that lie in `root/name` are used, the others are downloaded, and
        the prepared records stay in `root/tfds`.

    Returns:
      Training and test set, rows in their official order.

    Raises:
      InputError: files are missing and cannot be downloaded, or are not the official ones, or the folder cannot
        be written to.
    """
    check_present(name, root)
    check_reachable(name, root)
    print(f"Preparing {name} in {root / 'tfds'} with TFDS; this takes a minute, once.", file=sys.stderr)
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(manual_dir=root / name, try_download_gcs=False)
    with _failures_as_input_errors(name, root), contextlib.redirect_stdout(io.StringIO()):
        builder = _BUILDERS[name](data_dir=root / "tfds", file_format="array_record")
        builder.download_and_prepare(download_dir=root / "tfds" / "downloads", download_config=config)
        return _read_records(builder, "train"), _read_records(builder, "test")


def download(name: str, root: Path) -> list[Path]:
    """Download through TFDS the official files that `root/name` lacks; returns the paths of the new files."""
    folder = root / name
    missing = missing_files(name, folder)
    if not missing:
        return []
    check_reachable(name, root)
    with _failures_as_input_errors(name, root):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            manager = tfds.download.DownloadManager(download_dir=scratch)
            found = manager.download({file: OFFICIAL[name].url + file for file in missing})
            for file, path in found.items():
                read_checked(Path(path), OFFICIAL[name].sha256[file], name=OFFICIAL[name].url + file)
                shutil.move(path, folder / file)
    return [folder / file for file in missing]


def check_present(name: str, root: Path) -> None:
    """Raise InputError when an official file is there but is not the official one."""
    for file, sha256 in OFFICIAL[name].sha256.items():
        if (root / name / file).is_file():
            read_checked(root / name / file, sha256)


def check_reachable(name: str, root: Path) -> None:
    """Raise InputError when files are missing and their server is out of reach: TFDS would retry for minutes."""
    missing = missing_files(name, root / name)
    if not missing:
        return
    url = OFFICIAL[name].url + missing[0]
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10).close()
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise InputError(
            f"`{name}` must be in `{root / name}` or downloadable: {', '.join(f'`{file}`' for file in missing)} "
            f"not found, and {url} cannot be reached ({reason}); put the official files there, or name the folder "
            f"that holds `{name}/` with `data_dir` or JAXNN_DATA_DIR."
        ) from error


@contextlib.contextmanager
def _failures_as_input_errors(name: str, root: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, tfds.download.DownloadError, NonMatchingChecksumError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"`{name}` could not be fetched into `{root}`: {reason}.") from error


def _read_records(builder: tfds.core.DatasetBuilder, split: str) -> Split:
    """Decode the PNG images here: through TFDS's image feature it takes three times as long."""
    decoders = {"image": tfds.decode.SkipDecoding()}
    # A decorator of TFDS hides the method's signature from pyright.
    records = list(builder.as_data_source(split, decoders=decoders))  # pyright: ignore[reportCallIssue]
    images = np.stack([np.asarray(Image.open(io.BytesIO(record["image"]))) for record in records])
    return Split(images[..., None], np.array([record["label"] for record in records], np.int32))


def main() -> None:
    """Download the official files of the named sets (all of them by default) into the data folder."""
    parser = argparse.ArgumentParser(prog="scripts/download", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"sets to download, of {', '.join(OFFICIAL)}")
    parser.add_argument("--data-dir", help="where to; default: $JAXNN_DATA_DIR, else jaxnn's folder in the cache")
    arguments = parser.parse_args()
    root = data_root(arguments.data_dir)
    try:
        for name in arguments.names or OFFICIAL:
            if name not in OFFICIAL:
                raise unknown("official set", name, OFFICIAL)
            new = download(name, root)
            check_present(name, root)
            print(f"{name}: {len(new)} files downloaded into {root / name}, all four are the official ones")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
