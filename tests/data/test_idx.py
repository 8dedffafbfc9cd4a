"""The IDX reader against files written here, byte by byte, after the format's own description."""

import gzip
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxnn.data import read_idx
from jaxnn.data.idx import parse_idx
from jaxnn.errors import InputError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def encode(array: np.ndarray) -> bytes:
    """An IDX file: 0, 0, type code, rank, dimensions as big-endian uint32, elements big-endian in C order."""
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))
)
byte_images = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))


@given(arrays, st.booleans())
def test_every_type_and_rank_comes_back(array, zipped):
    content = encode(array)
    found = parse_idx(gzip.compress(content) if zipped else content, name="f")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@given(byte_images, st.data(), st.booleans())
def test_a_file_cut_anywhere_is_refused(array, data, zipped):
    content = gzip.compress(encode(array)) if zipped else encode(array)
    end = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(InputError, match="`f`"):
        parse_idx(content[:end], name="f")


@given(byte_images, st.binary(min_size=1, max_size=20), st.booleans())
def test_trailing_bytes_are_refused(array, extra, zipped):
    content = encode(array) + extra
    with pytest.raises(InputError, match="trailing bytes"):
        parse_idx(gzip.compress(content) if zipped else content, name="f")


@given(byte_images, st.data())
def test_a_flipped_bit_of_the_header_is_noticed(array, data):
    """Only one flip is not refused outright: bytes become signed bytes, which shows in the dtype."""
    content = bytearray(encode(array))
    bit = data.draw(st.integers(0, 8 * (4 + 4 * array.ndim) - 1))
    content[bit // 8] ^= 1 << bit % 8
    try:
        found = parse_idx(bytes(content), name="f")
    except InputError:
        return
    assert found.dtype == np.int8


@given(byte_images, st.data())
def test_a_flipped_bit_of_a_zipped_file_never_gives_other_data(array, data):
    """gzip's own CRC covers the payload; flips of its time stamp and flags may pass, and then change nothing."""
    content = bytearray(gzip.compress(encode(array), mtime=0))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    try:
        found = parse_idx(bytes(content), name="f")
    except InputError:
        return
    np.testing.assert_array_equal(found, array)


def test_two_zipped_members_are_refused(tmp_path):
    """gzip reads concatenated members as one long file, so two copies would pass as doubled data."""
    path = tmp_path / "labels.gz"
    path.write_bytes(2 * gzip.compress(encode(np.arange(10, dtype=np.uint8))))
    with pytest.raises(InputError, match=r"more than one file.*18 bytes in all; got 36"):
        read_idx(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must not be empty: it has 0 bytes"),
        (gzip.compress(b"", mtime=0), "its 0 bytes end before the magic number"),
        (b"\x00\x00", "its 2 bytes end before the magic number"),
        (b"\x89PNG\r\n\x1a\n", "magic number is 0x89504e47"),
        (b"label,pixel0,pixel1\n1,0,0\n", "must be an IDX file"),
        (b"\x00\x00\x08\x00", "magic number is 0x00000800"),
        (b"\x00\x00\x08\xff" + bytes(2000), "magic number is 0x000008ff"),
        (b"\x00\x00\x08\x03\x00\x00\x00\x01", "ends within its header, at byte 8"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x00", "at least one element"),
        (gzip.compress(b"x" * 1000, mtime=0)[:20], "must be a whole gzip file"),
    ],
)
def test_what_is_not_idx_is_named(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_idx(path)
    assert f"`{path}`" in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(InputError, match="must be a readable file"):
        read_idx(tmp_path)


def test_a_header_that_promises_a_terabyte_costs_nothing():
    content = bytes([0, 0, 0x0E, 3]) + struct.pack(">III", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    with pytest.raises(InputError, match=f"{16 + 8 * math.prod([2**32 - 1] * 3)} bytes in all; got 16"):
        parse_idx(content, name="f")


def test_official_images_match_their_bytes(data_dir):
    """Oracle: the payload after the 16 bytes of header, by gzip and slicing alone."""
    path = data_dir / "fashion_mnist" / "t10k-images-idx3-ubyte.gz"
    images = read_idx(path)
    assert images.shape == (10_000, 28, 28)
    assert images.tobytes() == gzip.decompress(path.read_bytes())[16:]
