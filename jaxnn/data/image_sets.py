"""MNIST and Fashion-MNIST, wherever their files are: on disk, decoded before, or on the network."""

from jaxnn.data.catalog import OFFICIAL, data_root
from jaxnn.data.config import DataConfig
from jaxnn.data.official import missing_files, read_cached, read_official, write_cached
from jaxnn.data.types import Source


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
