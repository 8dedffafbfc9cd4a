"""The IDX format of MNIST and its successors, read with every byte accounted for."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from jaxnn.errors import InputError

# The third byte of the magic number names the type of the elements; all are big-endian.
# Format: "THE IDX FILE FORMAT", http://yann.lecun.com/exdb/mnist/.
_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_RANK = 32


def read_idx(path: Path | str) -> np.ndarray:
    """Read one IDX file, plain or gzipped (told by its content, not its name).

    Args:
      path: the file.

    Returns:
      The array it holds, in native byte order and read-only: (60000, 28, 28) uint8 for MNIST's images.

    Raises:
      InputError: the file is missing, empty, damaged, cut short, longer than its header says, or not IDX.
    """
    return parse_idx(read_bytes(path), name=str(path))


def parse_idx(content: bytes, *, name: str) -> np.ndarray:
    """Decode the content of an IDX file that is already in memory; `name` is for the error messages."""
    payload = _gunzip(content, name) if content[:2] == b"\x1f\x8b" else content
    if len(payload) < 4:
        raise InputError(
            f"`{name}` must be an IDX file: its {len(payload)} bytes end before the magic number does."
        )
    zeros, code, rank = struct.unpack(">HBB", payload[:4])
    if zeros != 0 or code not in _DTYPES or not 1 <= rank <= _MAX_RANK:
        raise InputError(
            f"`{name}` must be an IDX file: its magic number is 0x{payload[:4].hex()}, not 0x00 0x00, an element "
            f"type (0x08 for bytes) and a rank; the file is something else, or damaged."
        )
    start = 4 + 4 * rank
    if len(payload) < start:
        raise InputError(
            f"`{name}` must hold {rank} dimensions: it ends within its header, at byte {len(payload)}."
        )
    shape = struct.unpack(f">{rank}I", payload[4:start])
    if 0 in shape:
        raise InputError(f"`{name}` must hold at least one element; its header announces the shape {shape}.")
    dtype = np.dtype(_DTYPES[code])
    expected, found = start + math.prod(shape) * dtype.itemsize, len(payload)
    if found != expected:
        problem = "is cut short" if found < expected else "holds more than one file, or trailing bytes"
        raise InputError(
            f"`{name}` {problem}: its header announces {shape} elements, {expected} bytes in all; got {found}."
        )
    array = np.frombuffer(payload, dtype, offset=start).reshape(shape)
    return array if dtype.itemsize == 1 else _read_only(array.astype(dtype.newbyteorder("=")))


def read_bytes(path: Path | str) -> bytes:
    """The content of a file, or an InputError that says what is wrong with the path."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"`{path}` must be a readable file: {error.strerror or error}.") from error
    if not content:
        raise InputError(f"`{path}` must not be empty: it has 0 bytes; fetch it again.")
    return content


def _gunzip(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"`{name}` must be a whole gzip file: {error}; fetch it again.") from error


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
