"""Files of weights, read without executing anything in them: safetensors, `.keras`, HDF5. Pickles are refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.weights import hdf5
from kresnet.weights.keras_config import LayerConfig
from kresnet.weights.keras_graph import OperationGraph
from kresnet.weights.tensor import WeightTensor

_HDF5_MAGIC, _ZIP_MAGIC, _PICKLE_PROTOCOL = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x80"

#: What safetensors calls the types that can be weights.
_FLOATS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}

_TO_SAFETENSORS = (
    'python -c "import sys, torch, safetensors.torch as s; '
    "d = torch.load(sys.argv[1], map_location='cpu', weights_only=True); d = d.get('state_dict', d); "
    's.save_file({k: v.clone().contiguous() for k, v in d.items()}, sys.argv[2])" '
)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of weights.

    Attributes:
        path: path of the file.
        format: `pytorch` (safetensors: kernels are (out, in, h, w)) or `keras` (kernels are (h, w, in, out)).
        tensors: its tensors by name, such as `layer1.0.conv1.weight` or `conv1_conv/kernel`.
        layers: the layers that the `config.json` of a `.keras` file describes, by name; empty for other files.
        graph: the operations that it describes, nested models included; None for other files.
    """

    path: Path
    format: str
    tensors: Mapping[str, WeightTensor]
    layers: Mapping[str, LayerConfig] = field(default_factory=dict)
    graph: OperationGraph | None = None


@contextlib.contextmanager
def open_weights(path: Path) -> Iterator[WeightFile]:
    """Open a file of weights, whose kind is recognised by its content, not by its name; it is open within the block.

    Raises:
        KresnetError: `file_missing`, `weights_pickle`, or `model_unreadable` for what is damaged or no file of weights.
    """
    if not path.is_file():
        raise make_error("file_missing", f"There is no file {path}.")
    with contextlib.ExitStack() as stack:
        with _translate_read_errors(path):
            source = _read_headers(path, stack)
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


def _read_headers(path: Path, stack: contextlib.ExitStack) -> WeightFile:
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(_HDF5_MAGIC):
        return WeightFile(path, "keras", hdf5.read_tensors(path, stack))
    if start.startswith(_ZIP_MAGIC):
        with ZipFile(path) as archive:
            names = archive.namelist()
        if "model.weights.h5" in names:
            return WeightFile(path, "keras", *hdf5.read_keras_archive(path, stack))
        if any(name.endswith("data.pkl") for name in names):
            raise _pickle_error(path)
        raise ValueError("it is a zip archive, but neither Keras's nor PyTorch's")
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return WeightFile(path, "pytorch", _read_safetensors(path, stack))
    if start.startswith(_PICKLE_PROTOCOL):
        raise _pickle_error(path)
    raise ValueError("it is neither safetensors nor HDF5 nor a .keras file, or its beginning is lost")


def _pickle_error(path: Path) -> KresnetError:
    return make_error(
        "weights_pickle",
        f"{path} is a pickle: reading it could run any program that it holds, so kresnet does not.",
        expected="safetensors, .keras or .weights.h5",
        remedy=f"{_TO_SAFETENSORS}{shell_word(path)} {shell_word(path.with_suffix('.safetensors'))}",
    )


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
