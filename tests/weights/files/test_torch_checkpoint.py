"""Checkpoints that PyTorch wrote: which entry is the network's weights, and what is said of the rest."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.weights.files.weight_file import open_weights
from tests.fuzz.target import FILES
from tests.weights.files.test_torch_pickle import START, TENSOR, text


def archive(path: Path, entries: bytes) -> Path:
    """A file as torch.save makes it, with the dict that `entries` are the instructions of, and a storage of six."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", START + b"}(" + entries + b"u.")
        file.writestr("archive/data/0", np.arange(6, dtype="<f4").tobytes())
    return path


def entry(name: str, *tensors: str) -> bytes:
    """A named dict of tensors."""
    return text(name) + b"}(" + b"".join(text(each) + TENSOR for each in tensors) + b"u"


def refusal(path: Path, asked: str = "") -> str:
    with pytest.raises(KresnetError) as caught, open_weights(path, asked):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("state_dict.pth", ""), ("parallel.pth", "module."), ("compiled.bin", "_orig_mod."), ("swa.pth", "module."),
     ("everything.pt", "")],
)  # fmt: skip
def test_state_dicts_however_they_are_wrapped(name, prefix):
    with np.load(FILES / "network.npz") as theirs, open_weights(FILES / name) as source:
        assert {each.removeprefix(prefix) for each in source.tensors} - {"n_averaged"} == set(theirs.files)
        for each in theirs.files:
            np.testing.assert_array_equal(source.tensors[prefix + each].read(), theirs[each], strict=True)
        assert source.format == "pytorch"


def test_what_is_seen_through_and_what_stands_beside_is_told():
    with open_weights(FILES / "everything.pt") as source:
        assert source.entry == "model"
        assert source.notes[0] == f"The weights are the entry `model` of {FILES / 'everything.pt'}."
        assert source.notes[1].startswith("Left beside them: optimizer, lr_scheduler, epoch, args, best,")
    with open_weights(FILES / "small_checkpoint.pth") as source:
        assert source.entry == "state_dict_ema"
        assert "there is `state_dict` (--entry state_dict), too" in source.notes[0]
    with open_weights(FILES / "small_checkpoint.pth", "state_dict") as source:
        assert source.entry == "state_dict"
        assert all(name.startswith("module.") for name in source.tensors)


@pytest.mark.parametrize(
    ("entries", "taken"),
    [
        (entry("net", "a"), "net"),
        (entry("model_ema", "a") + entry("model", "a"), "model_ema"),
        (entry("model", "a") + text("loss") + TENSOR, "model"),
        (text("model") + b"}(" + entry("state_dict", "a") + b"u", "model.state_dict"),
        (text("state_dict_ema") + b"N" + entry("state_dict", "a"), "state_dict"),
        (entry("optimizer") + text("a") + TENSOR, ""),
    ],
)
def test_the_entry_that_is_taken(entries, taken, tmp_path):
    with open_weights(archive(tmp_path / "a.pth", entries)) as source:
        assert source.entry == taken
        assert list(source.tensors)[-1] == "a"
        np.testing.assert_array_equal(source.tensors["a"].read(), np.arange(6, dtype=np.float32).reshape(2, 3))


def test_entries_of_other_names_are_asked_for(tmp_path):
    path = archive(tmp_path / "a.pth", entry("teacher", "a") + entry("student", "a", "b") + text("epoch") + b"K\x07")
    said = refusal(path)
    assert "[model_unreadable]" in said
    assert "try: --entry teacher; or --entry student" in said
    with open_weights(path, "student") as source:
        assert set(source.tensors) == {"a", "b"}
    said = refusal(path, "studnet")
    assert "[bad_option]" in said
    assert "did you mean: student" in said


def test_what_holds_no_weights_is_told(tmp_path):
    assert "holds no weights by name, but a tensor without a name" in refusal(FILES / "tensor.pt")
    assert "but epoch, \\x1b[31mred, tuple" not in refusal(FILES / "tensor.pt")
    path = archive(tmp_path / "a.pth", text("epoch") + b"K\x07" + text("\x1b[31mred") + b"N" + b"))")
    assert "but epoch, '\\x1b[31mred', object." in refusal(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps([1, 2], 2))
    assert "but a list." in refusal(path)


def test_a_tensor_that_is_not_there_is_named(tmp_path):
    path = archive(
        tmp_path / "a.pth", entry("model", "fc.weight").replace(b"K\x02K\x03\x86K\x03", b"K\x02K\x04\x86K\x03")
    )
    assert "fc.weight: it reaches to element 7, and its storage data/0 has 6" in refusal(path)
