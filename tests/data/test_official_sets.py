"""Official sets: the real files where they are, and a small forged set for everything that can go wrong."""

import gzip
import hashlib
import http.server
import subprocess
import sys
import threading
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from jaxnn.data import array_sha256, load
from jaxnn.data.catalog import OFFICIAL, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, data_root
from jaxnn.data.idx import read_idx
from jaxnn.errors import InputError

# MD5 as published: for Fashion-MNIST in its README, for MNIST in torchvision's datasets/mnist.py.
PUBLISHED_MD5 = {
    "mnist": {
        TRAIN_IMAGES: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        TRAIN_LABELS: "d53e105ee54ea40749a09fcbcd1e9432",
        TEST_IMAGES: "9fb629c4189551a2d022fa330f9573f3",
        TEST_LABELS: "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion_mnist": {
        TRAIN_IMAGES: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        TRAIN_LABELS: "25c81989df183df01b3e8a0aad5dffbe",
        TEST_IMAGES: "bef4ecab320f06d8554ea6380940ec79",
        TEST_LABELS: "bb300cfdad3c16e7a12a480ee83cd310",
    },
}
NAMES = tuple(PUBLISHED_MD5)


def sizes(data):
    return [len(split.y) for split in (data.train, data.validation, data.test)]


@pytest.mark.parametrize("name", NAMES)
def test_the_accepted_hashes_are_those_of_the_published_files(data_dir, name):
    for file, md5 in PUBLISHED_MD5[name].items():
        content = (data_dir / name / file).read_bytes()
        assert hashlib.md5(content).hexdigest() == md5
        assert hashlib.sha256(content).hexdigest() == OFFICIAL[name].sha256[file]


@pytest.mark.parametrize("name", NAMES)
def test_addresses_and_hashes_are_the_ones_tfds_has_on_record(name):
    """Oracle: url_checksums/*.txt of tensorflow_datasets, lines of url, size, SHA-256, file name."""
    import tensorflow_datasets as tfds

    record = Path(tfds.__file__).parent / "url_checksums" / f"{name}.txt"
    expected = {url: sha256 for url, _, sha256, _ in (line.split("\t") for line in record.read_text().splitlines())}
    official = OFFICIAL[name]
    assert {official.url + file: sha256 for file, sha256 in official.sha256.items()} == expected


@pytest.mark.parametrize(("name", "num_validation"), [("mnist", 10_000), ("fashion_mnist", 20_000)])
def test_official_sets_have_the_usual_splits(data_dir, name, num_validation):
    data = load(name, data_dir=data_dir)
    assert sizes(data) == [60_000 - num_validation, num_validation, 10_000]
    assert data.train.x.shape[1:] == data.info.input_shape == (28, 28, 1)
    assert data.train.x.dtype == data.test.x.dtype == np.uint8
    assert data.info.num_classes == len(data.info.class_names) == 10
    # The test set is the official one, in its order: the bytes after the headers of its files.
    images, labels = (gzip.decompress((data_dir / name / f).read_bytes()) for f in (TEST_IMAGES, TEST_LABELS))
    assert data.test.x.tobytes() == images[16:]
    np.testing.assert_array_equal(data.test.y, np.frombuffer(labels[8:], np.uint8))
    # Every training image is in one of the two other splits, with its label: equal sums over bytes times label.
    images, labels = (gzip.decompress((data_dir / name / f).read_bytes()) for f in (TRAIN_IMAGES, TRAIN_LABELS))
    weights = np.frombuffer(images[16:], np.uint8).reshape(60_000, -1).sum(axis=1, dtype=np.int64)
    ours = np.concatenate([s.x.reshape(len(s.x), -1).sum(axis=1, dtype=np.int64) for s in data_splits(data)])
    our_labels = np.concatenate([s.y for s in data_splits(data)])
    expected = np.stack([weights, np.frombuffer(labels[8:], np.uint8)])
    found = np.stack([ours, our_labels])
    np.testing.assert_array_equal(found[:, np.lexsort(found)], expected[:, np.lexsort(expected)])


def data_splits(data):
    return data.train, data.validation


def test_fashion_mnist_is_stratified(data_dir):
    """Its files hold 6,000 and 1,000 of each class."""
    data = load("fashion_mnist", data_dir=data_dir)
    counts = [np.bincount(s.y).tolist() for s in (data.train, data.validation, data.test)]
    assert counts == [[4000] * 10, [2000] * 10, [1000] * 10]


def test_a_part_of_the_official_test_set_stays_within_it(data_dir):
    whole, part = (load("fashion_mnist", data_dir=data_dir, test=test) for test in (None, 500))
    assert sizes(part) == [40_000, 20_000, 500]
    images = {row.tobytes() for row in whole.test.x}
    assert all(row.tobytes() in images for row in part.test.x)
    np.testing.assert_array_equal(np.bincount(part.test.y), [50] * 10)


def test_resplitting_pools_all_images(data_dir):
    data = load("fashion_mnist", data_dir=data_dir, resplit=True, validation=1000)
    assert sizes(data) == [59_000, 1000, 10_000]
    official = {row.tobytes() for row in load("fashion_mnist", data_dir=data_dir).test.x}
    share = np.mean([row.tobytes() in official for row in data.test.x])
    assert abs(share - 1 / 7) < 0.02  # deviation 0.0035


TWO_D_SIZES = {
    "1": (400, 200),
    "2": (400, 200),
    "3": (400, 200),
    "4": (400, 400),
    "3class": (800, 0),
    "Xor": (4, 0),
}


@pytest.mark.parametrize(("name", "rows"), TWO_D_SIZES.items())
def test_2d_sets_are_their_files(data_dir, name, rows):
    """Oracle: numpy.loadtxt of the same files."""
    data = load(f"two_d/{name}", data_dir=data_dir, test=0, validation=None if rows[1] else 0)
    assert sizes(data) == [*rows, 0]
    table = np.loadtxt(data_dir / "two_d" / f"data{name}_train.csv")
    order, ours = np.lexsort(table[:, :2].T), np.lexsort(data.train.x.T)
    np.testing.assert_allclose(data.train.x[ours], table[order, :2], rtol=1e-6)
    original = np.array(data.info.class_names, float)
    np.testing.assert_array_equal(original[data.train.y[ours]], table[order, 2])
    if rows[1]:
        held = np.loadtxt(data_dir / "two_d" / f"data{name}_validate.csv")
        np.testing.assert_allclose(data.validation.x, held[:, :2], rtol=1e-6)
        np.testing.assert_array_equal(original[data.validation.y], held[:, 2])


def test_2d_sets_give_a_test_set_from_their_training_rows(data_dir):
    assert sizes(load("two_d/1", data_dir=data_dir)) == [320, 200, 80]
    assert sizes(load("two_d/1", data_dir=data_dir, resplit=True, validation=0.5, test=0.1)) == [240, 300, 60]
    assert sizes(load("two_d/Xor", data_dir=data_dir)) == [4, 0, 0]


def test_a_missing_2d_set_says_which_files_and_where(tmp_path):
    with pytest.raises(
        InputError, match=r"`two_d/1` must be in `.*two_d`: `data1_train.csv`, `data1_validate.csv`"
    ):
        load("two_d/1", data_dir=tmp_path)


# From here on a forged "mnist" of 30 + 20 images takes the place of the real one.

RNG = np.random.default_rng(0)
FORGED = {
    TRAIN_IMAGES: RNG.integers(0, 256, (30, 28, 28), np.uint8),
    TRAIN_LABELS: np.arange(30, dtype=np.uint8) % 10,
    TEST_IMAGES: RNG.integers(0, 256, (20, 28, 28), np.uint8),
    TEST_LABELS: np.arange(20, dtype=np.uint8) % 10,
}


def idx_gz(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def forge(monkeypatch, arrays, url="http://127.0.0.1:9/"):
    """Make `arrays` the official files of "mnist"; returns their contents by name."""
    contents = {file: idx_gz(array) for file, array in arrays.items()}
    split = {"train_x": arrays[TRAIN_IMAGES][..., None], "test_x": arrays[TEST_IMAGES][..., None]}
    split |= {"train_y": arrays[TRAIN_LABELS].astype(np.int32), "test_y": arrays[TEST_LABELS].astype(np.int32)}
    forged = OFFICIAL["mnist"]._replace(
        url=url,
        sha256={file: hashlib.sha256(content).hexdigest() for file, content in contents.items()},
        array_sha256={name: array_sha256(array) for name, array in split.items()},
    )
    monkeypatch.setitem(OFFICIAL, "mnist", forged)
    return contents


@pytest.fixture
def mnist_folder(tmp_path, monkeypatch):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for file, content in forge(monkeypatch, FORGED).items():
        (folder / file).write_bytes(content)
    return folder


@pytest.fixture
def server(tmp_path):
    """A web server on the loopback that serves `tmp_path/www`; gives the folder and its address."""
    folder = tmp_path / "www"
    folder.mkdir()
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def assert_forged(data):
    np.testing.assert_array_equal(data.test.x[..., 0], FORGED[TEST_IMAGES])
    np.testing.assert_array_equal(data.test.y, FORGED[TEST_LABELS])
    assert sizes(data) == [20, 10, 20]


def test_files_are_found_by_argument_environment_and_cache_folder(mnist_folder, monkeypatch, tmp_path):
    assert_forged(load("mnist", data_dir=mnist_folder.parent, validation=10))
    monkeypatch.setenv("JAXNN_DATA_DIR", str(mnist_folder.parent))
    assert_forged(load("mnist", validation=10))
    monkeypatch.delenv("JAXNN_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_root(None) == tmp_path / "cache" / "jaxnn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert data_root(None) == Path("/home/someone/.cache/jaxnn")
    assert data_root("~/data") == Path("/home/someone/data")


def test_another_file_is_refused_with_both_hashes(mnist_folder):
    path = mnist_folder / TEST_IMAGES
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load("mnist", data_dir=mnist_folder.parent)
    for part in (f"`{path}`", OFFICIAL["mnist"].sha256[TEST_IMAGES], hashlib.sha256(content).hexdigest()):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {TRAIN_LABELS: FORGED[TRAIN_LABELS][:29]},
            r"one label \(a byte\) for each of the 30 images; got uint8 \(29,\)",
        ),
        ({TEST_IMAGES: FORGED[TEST_LABELS]}, r"must belong to images, of rank 3 and bytes; got uint8 \(20,\)"),
        ({TEST_LABELS: FORGED[TEST_IMAGES]}, r"one label .* got uint8 \(20, 28, 28\)"),
        ({TRAIN_LABELS: np.full(30, 10, np.uint8)}, r"`train.y` must be in 0..9, for 10 classes"),
    ],
)
def test_mislabelled_files_are_refused_whatever_their_hash(mnist_folder, monkeypatch, changes, message):
    for file, content in forge(monkeypatch, FORGED | changes).items():
        (mnist_folder / file).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load("mnist", data_dir=mnist_folder.parent, validation=10)


def test_without_files_and_network_the_error_says_what_to_do(mnist_folder):
    """Port 9 of the loopback answers nobody: an unreachable server without waiting."""
    (mnist_folder / TEST_LABELS).unlink()
    with pytest.raises(InputError) as caught:
        load("mnist", data_dir=mnist_folder.parent)
    message = str(caught.value)
    for part in (
        f"`{mnist_folder}`",
        f"`{TEST_LABELS}` not found",
        "127.0.0.1:9",
        "cannot be reached",
        "JAXNN_DATA_DIR",
    ):
        assert part in message
    assert TRAIN_IMAGES not in message
    assert "\n" not in message
    assert not (mnist_folder.parent / "tfds").exists()


def test_absent_files_come_through_tfds_once_and_then_from_the_cache(tmp_path, monkeypatch, server):
    folder, url = server
    for file, content in forge(monkeypatch, FORGED, url).items():
        (folder / file).write_bytes(content)
    root = tmp_path / "data"
    first = load("mnist", data_dir=root, validation=10)
    assert_forged(first)
    assert list((root / "tfds" / "mnist").rglob("*.array_record*"))
    for file in folder.iterdir():
        file.unlink()
    again = load("mnist", data_dir=root, validation=10)
    assert again.info == first.info


def test_files_that_lie_in_the_folder_are_not_trusted_by_tfds_either(mnist_folder):
    """One file is missing, another is not the official one: the latter is refused before anything is fetched."""
    (mnist_folder / TEST_LABELS).unlink()
    (mnist_folder / TRAIN_LABELS).write_bytes(b"not it")
    with pytest.raises(
        InputError, match=f"{TRAIN_LABELS}` must have the SHA-256 .* is damaged or not the official"
    ):
        load("mnist", data_dir=mnist_folder.parent)


@pytest.mark.parametrize("damage", ["cut", "flip", "other", "pickle"])
def test_a_damaged_cache_is_refused(tmp_path, monkeypatch, damage):
    forge(monkeypatch, FORGED)
    path = tmp_path / "mnist" / "arrays.npz"
    path.parent.mkdir()
    train_x, test_x = (FORGED[file][..., None] for file in (TRAIN_IMAGES, TEST_IMAGES))
    train_y, test_y = (FORGED[file].astype(np.int32) for file in (TRAIN_LABELS, TEST_LABELS))
    if damage == "other":
        test_y = test_y[::-1]
    if damage == "pickle":
        test_y = test_y.astype(object)
    np.savez(path, train_x=train_x, train_y=train_y, test_x=test_x, test_y=test_y)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    # A pickle must not even be opened: unpickling can run any code.
    reason = "Object arrays cannot be loaded" if damage == "pickle" else ""
    with pytest.raises(InputError, match=rf"arrays.npz` must .*{reason}.* delete (it|the file) to make it anew"):
        load("mnist", data_dir=tmp_path)


def test_scripts_download_fetches_what_is_missing_and_checks_it(tmp_path, monkeypatch, server, capsys):
    from jaxnn.data import prepare

    folder, url = server
    contents = forge(monkeypatch, FORGED, url)
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    root = tmp_path / "data"
    (root / "mnist").mkdir(parents=True)
    (root / "mnist" / TEST_LABELS).write_bytes(contents[TEST_LABELS])
    monkeypatch.setattr(sys, "argv", ["download", "mnist", "--data-dir", str(root)])
    prepare.main()
    assert "3 files downloaded" in capsys.readouterr().out
    assert {p.name: p.read_bytes() for p in (root / "mnist").iterdir()} == contents
    assert_forged(load("mnist", data_dir=root, validation=10))


def test_a_download_that_is_not_the_official_file_is_not_kept(tmp_path, monkeypatch, server, capsys):
    from jaxnn.data import prepare

    folder, url = server
    for file in forge(monkeypatch, FORGED, url):
        (folder / file).write_bytes(b"<html>please log in</html>")
    monkeypatch.setattr(sys, "argv", ["download", "mnist", "--data-dir", str(tmp_path / "data")])
    with pytest.raises(SystemExit) as caught:
        prepare.main()
    assert caught.value.code == 2
    assert f"`{url}{TRAIN_IMAGES}` must have the SHA-256" in capsys.readouterr().err
    assert list((tmp_path / "data" / "mnist").iterdir()) == []


def test_the_download_script_runs(data_dir):
    script = Path(__file__).parents[2] / "scripts" / "download"
    done = subprocess.run([script, "mnist", "--data-dir", data_dir], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mnist: 0 files downloaded" in done.stdout
    done = subprocess.run([script, "mnst"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "error: `mnst` is not a known official set: did you mean `mnist`?\n",
    )


@pytest.mark.parametrize("rows", [2000, pytest.param(None, marks=pytest.mark.slow)])
def test_tfds_prepares_the_official_files(rows, data_dir, tmp_path, monkeypatch):
    """The records that TFDS makes of the official files, in manual_dir, are the arrays of the IDX files.

    The first of each split; all of them, which takes a minute, in the slow suite.
    """
    from jaxnn.data import prepare

    make = prepare.Mnist._generate_examples
    monkeypatch.setattr(prepare.Mnist, "_generate_examples", lambda self, *paths: islice(make(self, *paths), rows))
    (tmp_path / "mnist").symlink_to(data_dir / "mnist")
    files = ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS))
    for split, (images, labels) in zip(prepare.prepare("mnist", tmp_path), files, strict=True):
        np.testing.assert_array_equal(split.x[..., 0], read_idx(data_dir / "mnist" / images)[:rows])
        np.testing.assert_array_equal(split.y, read_idx(data_dir / "mnist" / labels)[:rows])
    assert "tensorflow" not in sys.modules
