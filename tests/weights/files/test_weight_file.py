"""Files of weights that are damaged, lie about themselves or are pickles are loaded or refused, and never run."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kresnet.errors import KresnetError, Problem
from kresnet.plan import Plan
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.fuzz.target import FILES
from tests.weights.small_weight_files import tensors, write
from tests.weights.untrusted_files import weights_refusal


def lying_safetensors(**changes: Any) -> bytes:
    header = json.dumps({"fc.bias": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]} | changes}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(12)


LYING = {
    "beyond the end": lying_safetensors(data_offsets=[0, 12_000_000_000]),
    "backwards": lying_safetensors(data_offsets=[12, 0]),
    "negative": lying_safetensors(data_offsets=[-12, 0]),
    "another size": lying_safetensors(shape=[10**9, 10**9]),
    "overflowing": lying_safetensors(shape=[2**63, 2]),
    "an unknown type": lying_safetensors(dtype="PICKLE"),
    "a header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "a header beyond the end": struct.pack("<Q", 200) + b"{}" + bytes(10),
    "no JSON": struct.pack("<Q", 4) + b"{{{{" + bytes(10),
}


@pytest.mark.parametrize("name", LYING)
def test_a_safetensors_header_that_lies(name, plan, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(LYING[name])
    assert "[model_unreadable]" in weights_refusal(path, plan)


def test_arrays_of_objects_are_pickles_and_not_opened(plan, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "a.npz", weights=np.array([Trap()], object))
    assert "neither Keras's nor PyTorch's" in weights_refusal(tmp_path / "a.npz", plan)
    (tmp_path / "a.keras").write_bytes(pickle.dumps(Trap()))
    assert "[weights_pickle]" in weights_refusal(tmp_path / "a.keras", plan)
    assert not (tmp_path / "sprung").exists()


def test_whatever_is_cut_or_flipped_is_loaded_or_refused(honest, plan, tmp_path):
    """Bits of values may change unnoticed in HDF5 and safetensors, which keep no sums; nothing else may happen."""
    h5 = io.BytesIO(zipfile.ZipFile(honest).read("model.weights.h5")).getvalue()
    whole = {"keras": honest.read_bytes(), "h5": h5}
    whole["safetensors"] = write(tmp_path / "x.safetensors", tensors(plan)).read_bytes()
    dice = random.Random(0)
    path = tmp_path / "damaged"
    for content in whole.values():
        for attempt in range(150 if content is whole["safetensors"] else 9):  # HDF5 is read by a process each time
            data = bytearray(content)
            if attempt % 3 == 0:
                del data[dice.randrange(len(data)) :]
            else:  # headers and directories stand at the ends
                for _ in range(dice.choice([1, 8, 64])):
                    place = dice.choice(
                        [dice.randrange(len(data)), dice.randrange(4096) % len(data), -dice.randrange(1, 4096)]
                    )
                    data[place] ^= 1 << dice.randrange(8)
            path.write_bytes(data)
            for problem in problems_of(path, plan):
                assert problem.code in ("model_unreadable", "weights_mismatch", "weights_pickle")


def problems_of(path: Path, plan: Plan) -> tuple[Problem, ...]:
    try:
        with open_weights(path) as source:
            for _ in require_match(match_weights(plan, source), plan).arrays():
                pass
    except KresnetError as error:
        return error.problems
    return ()


def test_a_truncated_file_is_refused(plan, tmp_path):
    whole = write(tmp_path / "a.safetensors", tensors(plan)).read_bytes()
    for size in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        path = tmp_path / "cut.safetensors"
        path.write_bytes(whole[:size])
        assert "[model_unreadable]" in weights_refusal(path, plan)


def test_a_pickle_is_not_opened(plan, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "old.pth"
    path.write_bytes(pickle.dumps({"fc.weight": Trap()}))
    refusal = weights_refusal(path, plan)
    assert "[weights_pickle]" in refusal
    assert "save the arrays by name with safetensors.numpy.save_file" in refusal
    with zipfile.ZipFile(path, "w") as archive:  # as torch.save has written it since 1.6
        archive.writestr("old/data.pkl", pickle.dumps({"fc.weight": Trap()}))
    refusal = weights_refusal(path, plan)
    assert "[weights_pickle]" in refusal
    assert "names builtins.getattr" in refusal or "names pathlib" in refusal
    assert "save model.state_dict() alone" in refusal
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "said", "remedy"),
    [
        ("legacy.pth", "of the format of PyTorch before 1.6", "weights_only=True"),
        ("script.pt", "a program of TorchScript", "torch.jit.load"),
        ("whole_module.pth", "names __main__.Network", "save model.state_dict() alone"),
    ],
)
def test_what_else_pytorch_writes_is_told_how_to_save_again(name, said, remedy, plan):
    refusal = weights_refusal(FILES / name, plan)
    assert "[weights_pickle]" in refusal
    assert said in refusal
    assert remedy in refusal


def test_a_tar_archive_is_told_apart(plan, tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    with tarfile.open(tmp_path / "old.pth", "w") as file:
        file.add(tmp_path / "a", "storages")
    assert "a tar archive" in weights_refusal(tmp_path / "old.pth", plan)


def test_entries_are_of_pytorchs_files_alone(plan, honest, tmp_path):
    for path in (honest, write(tmp_path / "a.safetensors", tensors(plan))):
        with pytest.raises(KresnetError, match=r"--entry model is for.*\[bad_option\]"), open_weights(path, "model"):
            pass
