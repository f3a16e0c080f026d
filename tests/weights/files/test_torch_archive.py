"""Archives that PyTorch wrote are read to the last bit; those that lie about themselves are refused, with the place."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.weights.files.weight_file import open_weights
from tests.fuzz.target import FILES

Members = dict[str, bytes]


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with open_weights(path) as source:
        return {name: tensor.read() for name, tensor in source.tensors.items()}


def refusal(path: Path) -> str:
    with pytest.raises(KresnetError) as caught:
        arrays_of(path)
    assert [problem.code for problem in caught.value.problems] == ["model_unreadable"]
    return str(caught.value)


def written_again(path: Path, change: Callable[[Members], object], method: int = zipfile.ZIP_STORED) -> Path:
    """A file of PyTorch's with other members."""
    with zipfile.ZipFile(FILES / "views.pth") as file:
        members = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"archive/{name}", content)
    return path


@pytest.mark.parametrize("name", ["views.pth", "views_protocol3.pt", "views_protocol4.pt", "views_protocol5.pt"])
def test_tensors_of_every_type_and_stride_are_as_pytorch_has_them(name):
    with np.load(FILES / "views.npz") as theirs, open_weights(FILES / name) as source:
        assert set(source.tensors) == set(theirs.files)
        assert source.tensors["bfloat16"].type == "bfloat16"
        for each, tensor in source.tensors.items():
            array = tensor.read()
            assert tensor.type == array.dtype.name
            assert tensor.shape == array.shape
            np.testing.assert_array_equal(array.astype(theirs[each].dtype), theirs[each], strict=True)


def test_files_without_checksums_are_read():
    for one, other in zip(
        arrays_of(FILES / "without_checksums.pth").values(), arrays_of(FILES / "state_dict.pth").values(), strict=True
    ):
        np.testing.assert_array_equal(one, other, strict=True)


def test_the_other_order_of_bytes(tmp_path):
    """The same values with every word turned, as a machine of the other order would write them."""
    words = {"double": 8, "long": 8, "int": 4, "half": 2, "short": 2, "bfloat16": 2, "uint16": 2, "complex": 4}
    names = list(arrays_of(FILES / "views.pth"))

    def turn(members: Members) -> None:
        members["byteorder"] = b"big"
        keys = sorted((name for name in members if name.startswith("data/")), key=lambda name: int(name[5:]))
        owners = [name for name in names if name not in ("shared.transposed", "shared.every_second")]
        for key, owner in zip(keys, owners, strict=True):
            word = words.get(owner, 1 if owner in ("char", "byte", "bool", "float8") else 4)
            members[key] = np.frombuffer(members[key], f"u{word}").byteswap().tobytes()

    turned = arrays_of(written_again(tmp_path / "big.pth", turn))
    for name, array in arrays_of(FILES / "views.pth").items():
        np.testing.assert_array_equal(turned[name], array, strict=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update({"data/0": m["data/0"][:-4]}), "data/0 has 92 bytes, where 96 are stated"),
        (lambda m: m.update({"data/0": m["data/0"] + b"more"}), "data/0 has 100 bytes, where 96 are stated"),
        (lambda m: m.pop("data/0"), "shared.first: its storage data/0 is not in the archive"),
        (lambda m: m.update(byteorder=b"middle"), "byteorder"),
        (lambda m: m.update({"extra/data.pkl": m["data.pkl"]}), "2 members of it are named data.pkl"),
        (lambda m: m.update({"data.pkl": b""}), "data.pkl"),
        (lambda m: m.update({"data.pkl": b"\x80\x02" + b"N" * (17 * 1024**2)}), "its data.pkl has 17,825,794 bytes"),
        (lambda m: m.update({"data.pkl": m["data.pkl"].replace(b"K\x03K\x04\x86", b"K\x03K\x7f\x86", 1)}), "shared"),
    ],
)  # fmt: skip
def test_members_that_do_not_fit(change, said, tmp_path):
    assert said in refusal(written_again(tmp_path / "a.pth", change))


def test_a_compressed_archive_is_not_inflated(tmp_path):
    bomb = written_again(tmp_path / "a.pth", lambda m: m.update({"data/0": bytes(10**7)}), zipfile.ZIP_DEFLATED)
    assert "compressed, which torch.save never does" in refusal(bomb)


def patched(path: Path, member: str, field: str, place: int, value: int) -> Path:
    """PyTorch's file with another number in the directory's entry of a member."""
    data = bytearray((FILES / "state_dict.pth").read_bytes())
    name = f"state_dict/{member}".encode()
    at = data.rindex(name) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    struct.pack_into(field, data, at + place, value)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("field", "place", "value", "said"),
    [
        ("<H", 8, 1, "encrypted"),
        ("<H", 10, 8, "compressed"),
        ("<I", 24, 2**31, "compressed"),
        ("<I", 16, 12345, "by their checksum"),
        ("<I", 42, 0, "overlaps"),
    ],
)
def test_a_directory_that_lies(field, place, value, said, tmp_path):
    assert said in refusal(patched(tmp_path / "a.pth", "data/1", field, place, value))


def test_members_that_claim_to_be_large(tmp_path):
    path = patched(tmp_path / "a.pth", "data/7", "<I", 20, 2**31)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"state_dict/data/7") - 46 + 24, 2**31)
    path.write_bytes(data)
    said = refusal(path)
    assert "data/7 is not where its directory says, or not whole" in said or "overlap" in said.lower()


def test_members_that_share_their_bytes(tmp_path):
    """As in a bomb whose members all lie in the same place."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02}.")
        first = file.infolist()[0]
        for number in range(3):
            info = zipfile.ZipInfo(f"archive/data/{number}")
            info.header_offset, info.CRC = first.header_offset, first.CRC
            info.file_size = info.compress_size = first.file_size
            file.filelist.append(info)
            file.NameToInfo[info.filename] = info
        file._didModify = True
    (tmp_path / "a.pth").write_bytes(content.getvalue())
    assert "overlaps" in refusal(tmp_path / "a.pth")


def test_a_flipped_bit_of_a_value_is_noticed(tmp_path):
    data = bytearray((FILES / "state_dict.pth").read_bytes())
    with zipfile.ZipFile(FILES / "state_dict.pth") as file:
        value = file.read("state_dict/data/0")
    data[data.index(value) + 5] ^= 4
    (tmp_path / "a.pth").write_bytes(data)
    assert "data/0 is damaged" in refusal(tmp_path / "a.pth")


def test_a_large_directory_is_not_read(tmp_path):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02}.")
        for number in range(300):
            file.writestr(f"archive/{number:0>20000}", b"")
    assert "the directory of the archive has 6," in refusal(path)
