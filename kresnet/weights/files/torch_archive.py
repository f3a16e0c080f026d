"""The zip archive of torch.save: where its members lie, checked, and the arrays in them, mapped rather than read."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from kresnet.weights.files.torch_tensor import DTYPES, TorchTensor

#: A network of a thousand layers and its optimizer are described in a million bytes, in some ten thousand members.
_MOST_PICKLE_BYTES, _MOST_DIRECTORY_BYTES = 16 * 1024**2, 4 * 1024**2

_LOCAL_HEADER, _LOCAL_MAGIC = struct.Struct("<4s22xHH"), b"PK\x03\x04"
_ENCRYPTED = 1


class _BoundedFile(io.BufferedReader):
    """A file that is not read in large pieces, so that an archive's directory is none."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_DIRECTORY_BYTES:
            raise ValueError(f"the directory of the archive has {size:,} bytes")
        return super().read(size)


def list_members(path: Path) -> list[ZipInfo]:
    """Return what the directory of a zip archive says of its members.

    Raises:
        ValueError: if the directory is absurdly large; or whatever zipfile raises on a damaged one.
    """
    with _BoundedFile(io.FileIO(path)) as file, ZipFile(file) as archive:
        return archive.infolist()


@dataclass(frozen=True, slots=True)
class _Member:
    """Where the content of a member lies in the archive, and its CRC-32; 0 for none."""

    start: int
    size: int
    checksum: int


@dataclass(slots=True)
class TorchArchive:
    """An archive of torch.save. Its values are mapped, and read where they are needed.

    Attributes:
        pickle: what describes its tensors.
        big_endian: whether the bytes of its values are in the order that few machines have.
    """

    pickle: bytes
    big_endian: bool
    _members: dict[str, _Member]
    _content: np.ndarray
    _checked: set[str] = field(default_factory=set)

    def require_tensor(self, tensor: TorchTensor) -> None:
        """Make sure that the archive holds what a tensor is said to be.

        Raises:
            ValueError: with what is wrong.
        """
        storage = tensor.storage
        if (member := self._members.get(f"data/{storage.key}")) is None:
            raise ValueError(f"its storage data/{storage.key} is not in the archive")
        if member.size != storage.bytes:
            raise ValueError(
                f"its storage data/{storage.key} has {member.size:,} bytes, where {storage.bytes:,} are stated"
            )
        if problem := tensor.problem():
            raise ValueError(problem)

    def read_tensor(self, tensor: TorchTensor) -> np.ndarray:
        """Return the values of a tensor in its own type: a view of the mapped file, or a copy in the machine's order.

        Raises:
            ValueError: if the archive does not hold it, or holds other bytes than were written.
        """
        import ml_dtypes  # noqa: F401 - gives NumPy the types bfloat16 and float8

        self.require_tensor(tensor)
        name, item = DTYPES[tensor.dtype]
        dtype = np.dtype(name)
        if not tensor.span:
            return np.empty(tensor.shape, dtype)
        content = _bytes_of(self._content, self._members, f"data/{tensor.storage.key}", self._checked)
        values = content[tensor.offset * item : (tensor.offset + tensor.span) * item]
        if self.big_endian != (sys.byteorder == "big"):
            word = item // 2 if dtype.kind == "c" else item  # a complex number is two
            values = values.view(f"u{word}").byteswap()
        strides = [stride * item for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(values.view(dtype), tensor.shape, strides, writeable=False)


def open_torch_archive(path: Path, members: list[ZipInfo]) -> TorchArchive:
    """Open an archive of torch.save, whose members `list_members` gave.

    Raises:
        ValueError: if the archive is not as torch.save writes it: members that are compressed, that overlap or lie
            beyond its end, more or less than one pickle.
    """
    pickles = [info.filename for info in members if info.filename.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError(f"{len(pickles)} members of it are named data.pkl, where torch.save writes one")
    root = pickles[0].removesuffix("data.pkl")
    everything = _place_members(path, members)
    placed = {name.removeprefix(root): each for name, each in everything.items() if name.startswith(root)}
    if (size := placed["data.pkl"].size) > _MOST_PICKLE_BYTES:
        raise ValueError(f"its data.pkl has {size:,} bytes")
    content = np.memmap(path, np.uint8, "r")
    pickle = _bytes_of(content, placed, "data.pkl", set()).tobytes()
    order = b"little"  # where nothing is stated: PyTorch before 2.1
    if "byteorder" in placed:
        order = _bytes_of(content, placed, "byteorder", set())[:16].tobytes()
    if order not in (b"little", b"big"):
        raise ValueError(f"its byteorder is {order!r}, neither little nor big")
    return TorchArchive(pickle, order == b"big", placed, content)


def _place_members(path: Path, members: list[ZipInfo]) -> dict[str, _Member]:
    """Return where each member's content lies, by its name, from the directory and the headers before the contents."""
    placed: dict[str, _Member] = {}
    end = 0
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        for info in sorted(members, key=lambda each: each.header_offset):
            name = info.filename
            if info.compress_type != ZIP_STORED or info.compress_size != info.file_size:
                raise ValueError(f"its {name} is compressed, which torch.save never does")
            if info.flag_bits & _ENCRYPTED:
                raise ValueError(f"its {name} is encrypted")
            if name in placed:
                raise ValueError(f"it has two members {name}")
            if info.header_offset < end:
                raise ValueError(f"its {name} overlaps what stands before it")
            file.seek(info.header_offset)
            header = file.read(_LOCAL_HEADER.size).ljust(_LOCAL_HEADER.size)
            magic, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
            start = info.header_offset + len(header) + name_bytes + extra_bytes
            end = start + info.file_size
            if magic != _LOCAL_MAGIC or end > length:
                raise ValueError(f"its {name} is not where its directory says, or not whole")
            placed[name] = _Member(start, info.file_size, info.CRC)
    return placed


def _bytes_of(content: np.ndarray, members: dict[str, _Member], name: str, checked: set[str]) -> np.ndarray:
    """Return a member's bytes, compared with its checksum, if it has one, unless that was done before."""
    member = members[name]
    values = np.asarray(content[member.start : member.start + member.size])
    unchecked = name in checked or member.checksum == 0  # PyTorch writes 0 after `set_crc32_options(False)`
    if not unchecked and zlib.crc32(values.data) != member.checksum:
        raise ValueError(f"its {name} is damaged: its bytes are not those that were written, by their checksum")
    checked.add(name)
    return values


__all__ = ["TorchArchive", "list_members", "open_torch_archive"]
