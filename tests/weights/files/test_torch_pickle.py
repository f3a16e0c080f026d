"""Pickles of PyTorch's are understood; what calls, names or stores what no state dict has is refused, and never run."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from kresnet.weights.files.torch_pickle import Opaque, RefusedName, read_pickle
from kresnet.weights.files.torch_tensor import TorchStorage, TorchTensor
from tests.fuzz.executed_code import watched

START = b"\x80\x02"


def text(value: str) -> bytes:
    """The instruction that puts a text on the stack."""
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x06tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\x00K\x02K\x03\x86K\x03K\x01\x86\x89}tR"

#: What runs a program in Python's unpickler, or takes it down: the bytes, and the name that is refused, if it is one.
NAMES = {
    "a call of the system": (b"cposix\nsystem\n" + text("touch sprung") + b"\x85R.", "posix.system"),
    "a name that is only mentioned": (b"cos\nsystem\n.", "os.system"),
    "a name from the stack": (b"\x8c\x05posix\x8c\x06system\x93" + text("touch sprung") + b"\x85R.", "posix.system"),
    "a builtin": (b"cbuiltins\neval\n" + text("open('sprung', 'w')") + b"\x85R.", "builtins.eval"),
    "a builtin of Python 2": (b"c__builtin__\nexec\n" + text("open('sprung', 'w')") + b"\x85R.", "__builtin__.exec"),
    "an attribute of what is allowed": (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "__globals__"),
    "a new object": (b"csubprocess\nPopen\n" + text("touch sprung") + b"\x85\x81.", "subprocess.Popen"),
    "torch's own loader": (b"ctorch.hub\nload\n" + text("a") + b"\x85R.", "torch.hub.load"),
    "NumPy's loader": (b"cnumpy\nload\n" + text("a") + b"\x85R.", "numpy.load"),
    "a network": (b"c__main__\nNetwork\n)\x81}b.", "__main__.Network"),
    "attributes of a class": (b"ctorch\nFloatStorage\n}" + text("__setstate__") + b"Nsb.", "torch.FloatStorage"),
    "a type that is called": (b"ctorch\nFloatStorage\n)R.", "torch.FloatStorage"),
    "a tensor type that is called": (b"ctorch\nTensor\n)R.", "torch.Tensor"),
    "a rebuilder of another's": (
        b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch\nSize\nctorch\nTensor\n)}tR.", "_rebuild_from_type_v2",
    ),
    "a name with blanks": (b"cos \n system\n.", "os"),
    "a name of a thousand letters": (b"c" + b"x" * 1000 + b"\n\x1b[31m\n.", "xxx"),
}  # fmt: skip

DAMAGED = {
    "an instance": b"(ios\nsystem\n.",
    "an object": b"(cos\nsystem\no.",
    "the first registered extension": b"\x82\x01.",
    "an extension of two bytes": b"\x83\x01\x00.",
    "an extension of four bytes": b"\x84\x01\x00\x00\x00.",
    "a persistent id as text": b"Pstorage\n.",
    "a persistent id that is no tuple": text("storage") + b"Q.",
    "a persistent id of something else": b"(" + text("module") + b"ctorch\nFloatStorage\nNNNtQ.",
    "a persistent id without a type": b"(" + text("storage") + text("FloatStorage") + text("0") + b"NK\x01tQ.",
    "a persistent id of a tensor's type": b"(" + text("storage") + b"ctorch\nTensor\n" + text("0") + b"NK\x01tQ.",
    "a persistent id with a negative size": STORAGE.replace(b"K\x06", b"J\xff\xff\xff\xff") + b".",
    "a persistent id with a key that is no text": STORAGE.replace(text("0"), b"K\x00") + b".",
    "arguments by name": b"ccollections\nOrderedDict\n)}\x92.",
    "a call of a text": text("os.system") + text("ls") + b"\x85R.",
    "a call without a tuple": b"ccollections\nOrderedDict\nNR.",
    "attributes of a number": b"K\x01}b.",
    "an entry of a list": b"]K\x00K\x01s.",
    "an element of a number": b"K\x01K\x02a.",
    "three keys and values": b"}(K\x00K\x01K\x02u.",
    "a tensor of no storage": TENSOR.replace(STORAGE, b"N") + b".",
    "a tensor with a negative stride": TENSOR.replace(b"K\x03K\x01\x86", b"K\x03J\xff\xff\xff\xff\x86") + b".",
    "a tensor with more strides than axes": TENSOR.replace(b"K\x03K\x01\x86", b"K\x03K\x01K\x01\x87") + b".",
    "a tensor of texts": TENSOR.replace(b"K\x02K\x03\x86", text("2") + b"K\x03\x86") + b".",
    "a tensor of a hundred axes": TENSOR.replace(b"K\x02K\x03\x86", b"(" + b"K\x01" * 100 + b"t") + b".",
    "an empty stack": b"0.",
    "a stack with a mark alone": b"(.",
    "too few for a tuple": b"N\x87.",
    "nothing remembered": b"h\x07.",
    "no end": b"}",
    "no such instruction": b"\xff.",
    "a text that goes on": b"X\xff\xff\xff\xff",
    "2^63 bytes": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    "a number of five thousand digits": b"I" + b"9" * 5000 + b"\n.",
}  # fmt: skip


@pytest.mark.parametrize("what", NAMES)
def test_any_other_name_is_refused_by_name_and_not_looked_up(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, name = NAMES[what]
    with pytest.raises(RefusedName) as refused, watched() as events:
        read_pickle(START + data)
    assert name in refused.value.name
    assert refused.value.name.isprintable()
    assert len(refused.value.name) < 120
    assert not events
    assert not Path("sprung").exists()


@pytest.mark.parametrize("what", DAMAGED)
def test_what_torch_save_does_not_write_is_refused(what):
    with pytest.raises((ValueError, RefusedName), match=r"its data\.pkl|os\.system"):
        read_pickle(START + DAMAGED[what])


def test_python_itself_would_run_these(tmp_path, monkeypatch):
    """The attacks are real ones: Python's unpickler falls for the first."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(START + NAMES["a call of the system"][0])
    assert Path("sprung").exists()


def test_bombs_take_no_time_and_no_memory():
    """Each would take for ever, or all memory, if it were walked, hashed or copied."""
    doubled = b"2\x86" * 5000  # a pair of twice the one before
    assert len(read_pickle(START + b"}N" + doubled + b"Ns.")) == 1  # as a key
    assert read_pickle(START + b"]q\x00" + b"h\x00h\x00\x86q\x00" * 5000 + b".")
    itself = read_pickle(START + b"]q\x00h\x00a.")
    assert itself[0] is itself
    deep = read_pickle(START + b"]" * 100_000 + b"a" * 99_999 + b".")
    assert len(deep) == 1
    with pytest.raises(ValueError, match="instructions"):
        read_pickle(START + b"N0" * 600_000 + b".")


def test_what_state_dicts_are_made_of_is_built():
    tensor = read_pickle(START + TENSOR + b".")
    assert isinstance(tensor, TorchTensor)
    assert isinstance(tensor.storage, TorchStorage)
    assert (tensor.storage.key, tensor.storage.bytes, tensor.dtype) == ("0", 24, "float32")
    assert (tensor.offset, tensor.shape, tensor.strides) == (0, (2, 3), (3, 1))
    plain = {"a": [1, 2.5, None, True, (3, "x"), -(2**70)], 7: {"b": ()}, "": "é" * 300}
    for protocol in (2, 3, 4, 5):
        assert read_pickle(pickle.dumps(plain, protocol)) == plain
    assert isinstance(read_pickle(pickle.dumps({1, 2}, 4)), Opaque)
    shared = [1]
    again = read_pickle(pickle.dumps([shared, shared], 2))
    assert again[0] is again[1]
