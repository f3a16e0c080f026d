"""Files of weights, read without executing anything in them: safetensors, PyTorch's own, `.keras`, HDF5."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.weights.files import hdf5
from kresnet.weights.files.keras_config import LayerConfig
from kresnet.weights.files.keras_graph import OperationGraph
from kresnet.weights.files.tensor import WeightTensor
from kresnet.weights.files.torch_archive import list_members, open_torch_archive
from kresnet.weights.files.torch_checkpoint import read_torch_weights

_HDF5_MAGIC, _ZIP_MAGIC, _PICKLE_PROTOCOL = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x80"

_KINDS = "safetensors, a file of torch.save since PyTorch 1.6, .keras or .weights.h5"

#: What safetensors calls the types that can be weights.
_FLOATS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}

#: The first object of a file of torch.save before 1.6: a pickle of the number 0x1950a86a20f9469cfc6c.
_LEGACY_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

#: Where a tar archive says that it is one.
_TAR_PLACE, _TAR_MAGIC = 257, b"ustar"

_SAVE_AGAIN = (
    'python -c "import sys, torch; '
    "torch.save(torch.load(sys.argv[1], map_location='cpu', weights_only=True), sys.argv[2])\" "
)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of weights.

    Attributes:
        path: path of the file.
        format: `pytorch` (kernels are (out, in, h, w)) or `keras` (kernels are (h, w, in, out)).
        tensors: its tensors by name, such as `layer1.0.conv1.weight` or `conv1_conv/kernel`.
        layers: the layers that a `.keras` file, or an HDF5 file of a whole model, describes, by name; else empty.
        graph: the operations that it describes, nested models included; None for other files.
        entry: the entry of a PyTorch checkpoint that holds the tensors; empty where they are all there is.
        notes: what was seen through to find the tensors, a sentence each.
    """

    path: Path
    format: str
    tensors: Mapping[str, WeightTensor]
    layers: Mapping[str, LayerConfig] = field(default_factory=dict)
    graph: OperationGraph | None = None
    entry: str = ""
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def open_weights(path: Path, entry: str = "") -> Iterator[WeightFile]:
    """Open a file of weights, whose kind is recognised by its content, not by its name; it is open within the block.

    Args:
        path: path of the file.
        entry: which entry of a PyTorch checkpoint holds the weights; empty for the usual one.

    Raises:
        KresnetError: `file_missing`; `weights_pickle`; `model_unreadable` for what is damaged or no file of weights;
            `bad_option` for an entry that is none.
    """
    if not path.is_file():
        raise make_error("file_missing", f"There is no file {path}.")
    with contextlib.ExitStack() as stack:
        with _translate_read_errors(path):
            source = _read_headers(path, stack, entry)
        guarded = {name: _translating_read_errors(tensor, path) for name, tensor in source.tensors.items()}
        yield replace(source, tensors=guarded)


@contextlib.contextmanager
def _translate_read_errors(path: Path) -> Iterator[None]:
    """Turn whatever error a reader raises on a damaged file into `model_unreadable`."""
    try:
        yield
    except KresnetError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise make_error("model_unreadable", f"{path} cannot be read as weights: {reason}") from None


def _translating_read_errors(tensor: WeightTensor, path: Path) -> WeightTensor:
    """Return the tensor with errors of its later reading translated too."""

    def read() -> np.ndarray:
        with _translate_read_errors(path):
            return tensor.read()

    return replace(tensor, read=read)


def _read_headers(path: Path, stack: contextlib.ExitStack, entry: str) -> WeightFile:
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(_ZIP_MAGIC):
        return _read_zip(path, stack, entry)
    if entry:
        raise make_error("bad_option", f"--entry {entry} is for checkpoints of PyTorch, and {path} is none.")
    if start.startswith(_HDF5_MAGIC):
        return WeightFile(path, "keras", *hdf5.read_keras_hdf5(path, stack))
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return WeightFile(path, "pytorch", _read_safetensors(path, stack))
    if start[2:].startswith(_LEGACY_TORCH):
        raise make_error(
            "weights_pickle",
            f"{path} is of the format of PyTorch before 1.6, which kresnet does not read.",
            expected=_KINDS,
            remedy=f"{_SAVE_AGAIN}{shell_word(path)} {shell_word(path.with_suffix('.zip.pth'))}",
        )
    if start[_TAR_PLACE:].startswith(_TAR_MAGIC):
        raise make_error(
            "weights_pickle",
            f"{path} is a tar archive, perhaps of PyTorch before 0.1.10, which kresnet does not read.",
            expected=_KINDS,
            remedy="where you trust it: load it in PyTorch with weights_only off, and torch.save it again",
        )
    if start.startswith(_PICKLE_PROTOCOL):
        raise make_error(
            "weights_pickle",
            f"{path} is a pickle, and none of torch.save: reading it could run any program, so kresnet does not.",
            expected=_KINDS,
            remedy="in the program that wrote it: save the arrays by name with safetensors.numpy.save_file",
        )
    raise ValueError("it is neither safetensors nor PyTorch's nor HDF5 nor a .keras file, or its beginning is lost")


def _read_zip(path: Path, stack: contextlib.ExitStack, entry: str) -> WeightFile:
    members = list_members(path)
    names = {member.filename for member in members}
    if "model.weights.h5" in names:
        if entry:
            raise make_error("bad_option", f"--entry {entry} is for checkpoints of PyTorch, and {path} is none.")
        return WeightFile(path, "keras", *hdf5.read_keras_archive(path, stack))
    if any(name.endswith("/constants.pkl") for name in names):
        raise make_error(
            "weights_pickle",
            f"{path} is a program of TorchScript, not weights alone.",
            expected=_KINDS,
            remedy='python -c "import sys, torch; '
            "torch.save(torch.jit.load(sys.argv[1], map_location='cpu').state_dict(), sys.argv[2])\" "
            f"{shell_word(path)} {shell_word(path.with_suffix('.weights.pth'))}",
        )
    if any(name.endswith("/data.pkl") for name in names):
        weights = read_torch_weights(path, open_torch_archive(path, members), entry)
        return WeightFile(path, "pytorch", weights.tensors, entry=weights.entry, notes=weights.notes)
    raise ValueError("it is a zip archive, but neither Keras's nor PyTorch's")


def _read_safetensors(path: Path, stack: contextlib.ExitStack) -> dict[str, WeightTensor]:
    import ml_dtypes  # noqa: F401 - gives NumPy the type bfloat16
    from safetensors import SafetensorError, safe_open

    try:
        file = stack.enter_context(safe_open(path, framework="np"))
    except SafetensorError as error:
        raise ValueError(f"as safetensors it is damaged ({error})") from None
    tensors = {}
    for name in file.keys():  # noqa: SIM118 - the file is no mapping
        header = file.get_slice(name)
        kind = header.get_dtype()

        def read(name: str = name) -> np.ndarray:
            return np.asarray(file.get_tensor(name))

        tensors[name] = WeightTensor(name, tuple(header.get_shape()), _FLOATS.get(kind, kind), read)
    return tensors


__all__ = ["WeightFile", "open_weights"]
