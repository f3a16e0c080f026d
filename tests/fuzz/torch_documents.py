"""Hostile files of weights: those that PyTorch wrote, with other bytes, other instructions or other members.

A document that begins as a pickle stands for an archive that holds it beside honest values: see `archive_of`.
"""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.target import CORPUS, FILES

#: Instructions put between others: calls, names, references, sizes that lie, and what fits nowhere.
INSTRUCTIONS = (
    b"cos\nsystem\n", b"cposix\nsystem\n", b"cbuiltins\neval\n", b"c__builtin__\nexec\n", b"cbuiltins\ngetattr\n",
    b"ctorch.hub\nload\n", b"ctorch\nload\n", b"cnumpy\nload\n", b"ccollections\nOrderedDict\n",
    b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch\nSize\n", b"ctorch\nfloat32\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n", b"cargparse\nNamespace\n", b"\x8c\x02os\x8c\x06system\x93", b"\x93",
    b"R", b"R" * 20, b"b", b"\x81", b"\x92", b"Q", b"Pa\n", b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00",
    b"(ios\nsystem\n", b"o", b"(", b"(" * 1000, b"0", b"1", b"2", b"2" * 1000, b"}", b"]" * 1000, b")", b"t", b"\x85",
    b"\x86", b"\x87", b"l", b"d", b"u", b"s", b"a", b"e", b"\x8f", b"\x90", b"\x91", b"N", b"\x88", b"\x89", b".",
    b"K\x00", b"M\xff\xff", b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f", b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01", b"\x8a\xff" + b"\x7f" * 255, b"\x8b\xff\xff\xff\x7f", b"I1\n",
    b"L" + b"9" * 5000 + b"L\n", b"S'a'\n", b"Vtext\n", b"F1.5\n", b"X\xff\xff\xff\xff", b"X\x01\x00\x00\x00\xff",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a",
    b"\x97", b"\x98", b"q\x00", b"r\xff\xff\xff\xff", b"h\x00", b"j\xff\xff\xff\xff", b"\x94", b"\x94" * 300, b"g0\n",
    b"h\x00h\x00\x86q\x00" * 100, b"2\x86" * 200, b"X\x0a\x00\x00\x00state_dict", b"X\x07\x00\x00\x00storage",
)  # fmt: skip


@cache
def seeds() -> tuple[bytes, ...]:
    """Files and pickles to start from: those of PyTorch's that are small, and what was found before."""
    small = (path.read_bytes() for path in [*_archives(), FILES / "legacy.pth"] if path.stat().st_size < 20_000)
    return (*small, *(members["data.pkl"] for members in _sources()))


def _archives() -> list[Path]:
    return [path for path in sorted(FILES.iterdir()) if path.suffix != ".npz" and path.stem != "legacy"]


@cache
def _sources() -> tuple[dict[str, bytes], ...]:
    """The members of PyTorch's files by name, the whole network's first; it lends its values to what was found."""
    paths = sorted(_archives(), key=lambda path: path.stem != "small_checkpoint")
    written = [_members(path) for path in paths if path.stem != "without_checksums"]
    found = [path.read_bytes() for path in sorted((CORPUS / "torch").iterdir())]
    return (*written, *(written[0] | {"data.pkl": pickle} for pickle in found))


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name.partition("/")[2]: file.read(name) for name in file.namelist()}


def archive_of(pickle: bytes, members: Mapping[str, bytes | None] | None = None) -> bytes:
    """An archive as torch.save makes it, with a pickle and other members, by default a whole network's."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, value in {**(members or _sources()[0]), "data.pkl": pickle}.items():
            if value is not None:
                file.writestr(zipfile.ZipInfo(f"archive/{name}"), value)
    return content.getvalue()


@st.composite
def torch_documents(draw: Any, mangled: Any) -> bytes:
    """Files of weights: most are archives whose sums are right and whose pickle is nearly so.

    Args:
        draw: Hypothesis's.
        mangled: strategy of documents with a few other bytes, from a strategy of documents.
    """
    if draw(st.integers(0, 3)) == 0:
        return draw(mangled(st.sampled_from(seeds())))
    members = _sources()[0] if draw(st.booleans()) else draw(st.sampled_from(_sources()))
    pickle = members["data.pkl"]
    how = draw(st.sampled_from(["instructions"] * 5 + ["bytes", "members", "members"]))
    if how == "instructions":
        return archive_of(_changed(draw, pickle), members)
    if how == "bytes":
        return archive_of(draw(mangled(st.just(pickle))), members)
    name = draw(st.sampled_from(["data/0", "data/1", "data/5", "byteorder", "version", "other/data.pkl"]))
    value = draw(st.sampled_from([None, b"", b"big", b"little", b"middle", b"\0" * 32, b"\xff" * 432, pickle]))
    content = archive_of(pickle, {**members, name: value})
    return _lying_directory(draw, content) if draw(st.booleans()) else content


@cache
def _instructions(pickle: bytes) -> tuple[bytes, ...]:
    """The instructions of a pickle, apart; whole, where it has none."""
    try:
        places = [place for _, _, place in pickletools.genops(pickle) if place is not None]
    except ValueError:
        return (pickle,)
    return tuple(pickle[start:end] for start, end in zip(places, [*places[1:], len(pickle)], strict=True))


def _changed(draw: Any, pickle: bytes) -> bytes:
    """A pickle with instructions removed, repeated, moved, put in, or with another argument."""
    parts = list(_instructions(pickle))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(parts) - 1))
        how = draw(st.sampled_from(["put", "put", "put", "remove", "repeat", "swap", "argument"]))
        if how == "put":
            parts.insert(at, draw(st.sampled_from(INSTRUCTIONS)))
        elif how == "remove" and len(parts) > 1:
            del parts[at]
        elif how == "repeat":
            parts[at:at] = [parts[at]] * draw(st.sampled_from([1, 2, 50]))
        elif how == "swap":
            other = draw(st.integers(0, len(parts) - 1))
            parts[at], parts[other] = parts[other], parts[at]
        elif len(parts[at]) > 1:
            place = draw(st.integers(1, len(parts[at]) - 1))
            parts[at] = parts[at][:place] + bytes([draw(st.integers(0, 255))]) + parts[at][place + 1 :]
    return b"".join(parts)


def _lying_directory(draw: Any, content: bytes) -> bytes:
    """An archive whose directory says something else of a member: method, sizes, place, flags."""
    data = bytearray(content)
    entries = [at for at in range(len(data) - 46) if data[at : at + 4] == b"PK\x01\x02"]
    at = draw(st.sampled_from(entries))
    field = draw(st.sampled_from(["<H8", "<H10", "<I16", "<I20", "<I24", "<H28", "<H30", "<I42"]))
    kind, place = field[:2], int(field[2:])
    value = draw(st.sampled_from([0, 1, 8, 14, 100, 1000, 0xFFFF, 2**31, 0xFFFFFFFF]))
    struct.pack_into(kind, data, at + place, value & (0xFFFF if kind == "<H" else 0xFFFFFFFF))
    return bytes(data)
