"""Load and run a SavedModel in TensorFlow's C++ runtime, as TF Serving does, without TensorFlow's Python.

A thin ctypes layer over the C API (`tensorflow/c/c_api.h`, `tf_tensor.h`, `tf_tstring.h`) of the libraries that the
TensorFlow wheel carries. Every function has its `restype` and `argtypes` set: ctypes would otherwise cut pointers to
32 bits.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from kresnet.errors import make_error
from kresnet.export.protos import DataType, MetaGraphDef, OpList, RunOptions, SignatureDef, tensorflow_directory
from kresnet.native_messages import start_filter
from kresnet.runtime import stderr_held

#: `TF_Code` of tensorflow/c/tf_status.h; a position is a value.
STATUS_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip

#: `TF_DataType` <-> numpy, for the types that a signature of ours or a malformed request carries.
NUMPY_DTYPES: dict[int, np.dtype] = {
    DataType.DT_FLOAT: np.dtype(np.float32),
    DataType.DT_DOUBLE: np.dtype(np.float64),
    DataType.DT_INT32: np.dtype(np.int32),
    DataType.DT_UINT8: np.dtype(np.uint8),
    DataType.DT_INT64: np.dtype(np.int64),
    DataType.DT_BOOL: np.dtype(np.bool_),
}


class RuntimeFailure(Exception):
    """Raised where the C++ runtime refuses; `code` is a name of `STATUS_CODES`, `message` its explanation."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class _Buffer(ctypes.Structure):
    _fields_ = (("data", c_void_p), ("length", c_size_t), ("data_deallocator", c_void_p))


class _Output(ctypes.Structure):
    _fields_ = (("operation", c_void_p), ("index", c_int))


class _String(ctypes.Structure):
    """`TF_TString`: 24 bytes that hold a short string, or point to a long one."""

    _fields_ = (("raw", ctypes.c_uint64 * 3),)


_FRAMEWORK: dict[str, tuple] = {
    "TF_NewStatus": (c_void_p,),
    "TF_DeleteStatus": (None, c_void_p),
    "TF_GetCode": (c_int, c_void_p),
    "TF_Message": (c_char_p, c_void_p),
    "TF_NewBuffer": (POINTER(_Buffer),),
    "TF_NewBufferFromString": (POINTER(_Buffer), c_char_p, c_size_t),
    "TF_DeleteBuffer": (None, POINTER(_Buffer)),
    "TF_AllocateTensor": (c_void_p, c_int, POINTER(c_int64), c_int, c_size_t),
    "TF_DeleteTensor": (None, c_void_p),
    "TF_TensorType": (c_int, c_void_p),
    "TF_NumDims": (c_int, c_void_p),
    "TF_Dim": (c_int64, c_void_p, c_int),
    "TF_TensorByteSize": (c_size_t, c_void_p),
    "TF_TensorData": (c_void_p, c_void_p),
}
_CC: dict[str, tuple] = {
    "TF_Version": (c_char_p,),
    "TF_GetAllOpList": (POINTER(_Buffer),),
    "TF_NewGraph": (c_void_p,),
    "TF_DeleteGraph": (None, c_void_p),
    "TF_GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "TF_NewSessionOptions": (c_void_p,),
    "TF_DeleteSessionOptions": (None, c_void_p),
    "TF_LoadSessionFromSavedModel": (
        c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p, POINTER(_Buffer), c_void_p,
    ),
    "TF_SessionRun": (
        None, c_void_p, c_void_p, POINTER(_Output), POINTER(c_void_p), c_int, POINTER(_Output), POINTER(c_void_p),
        c_int, c_void_p, c_int, c_void_p, c_void_p,
    ),
    "TF_CloseSession": (None, c_void_p, c_void_p),
    "TF_DeleteSession": (None, c_void_p, c_void_p),
    "TF_StringInit": (None, POINTER(_String)),
    "TF_StringCopy": (None, POINTER(_String), c_char_p, c_size_t),
    "TF_StringGetDataPointer": (c_void_p, POINTER(_String)),
    "TF_StringGetSize": (c_size_t, POINTER(_String)),
    "TF_StringDealloc": (None, POINTER(_String)),
    "_ZN10tensorflow21DisableXlaCompilationEv": (None,),  # tensorflow::DisableXlaCompilation()
}  # fmt: skip


def _find_library(directory: Path, stem: str) -> Path:
    paths = sorted([*directory.glob(f"{stem}.so*"), *directory.glob(f"{stem}.*dylib")])
    if not paths:
        raise make_error(
            "environment", f"TensorFlow at {directory} has no {stem} library.", remedy="pip install tensorflow"
        )
    return paths[0]


@cache
def _library() -> SimpleNamespace:
    """Return the functions of both tables."""
    start_filter()
    functions = SimpleNamespace()
    for stem, table in (("libtensorflow_framework", _FRAMEWORK), ("libtensorflow_cc", _CC)):
        # Their symbols stay theirs: with RTLD_GLOBAL, importing numpy.random afterwards ends the process.
        with stderr_held():  # what hardware it finds, which no variable silences
            library = ctypes.CDLL(str(_find_library(tensorflow_directory(), stem)))
        for name, (restype, *argtypes) in table.items():
            function = getattr(library, name)
            function.restype, function.argtypes = restype, argtypes
            setattr(functions, name, function)
    return functions


def disable_xla() -> None:
    """Leave XLA off in this process from now on, as TF Serving does unless a flag turns it on."""
    _library()._ZN10tensorflow21DisableXlaCompilationEv()


#: What makes inference on a CPU faster, as the runtime's environment variables: oneDNN keeps each weight in the layout
#: that its kernel wants rather than reorder it on every call (a loaded model's weights never change), the thread that
#: runs an operation takes part in it, and operations run one after the other.
RUNTIME_SETTINGS = {
    "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
    "TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
_THREADS_SETTING = "TF_NUM_INTRAOP_THREADS"


def configure_runtime(threads: int) -> int:
    """Set `RUNTIME_SETTINGS` and the number of threads, where the environment does not, before a model is loaded.

    Args:
        threads: number of threads of an operation, in all sessions of the process.

    Returns:
        The number of threads that will be used.
    """
    for name, value in RUNTIME_SETTINGS.items():
        os.environ.setdefault(name, value)
    setting = os.environ.setdefault(_THREADS_SETTING, str(threads))
    return int(setting) if setting.isdigit() and int(setting) else threads


def runtime_version() -> str:
    """Return the version of the C++ runtime, such as `2.21.0`."""
    return _library().TF_Version().decode()


def registered_ops() -> OpList:
    """Return the definition of every operation that the runtime itself provides."""
    buffer = _library().TF_GetAllOpList()
    try:
        return OpList.FromString(_buffer_bytes(buffer))
    finally:
        _library().TF_DeleteBuffer(buffer)


def _buffer_bytes(buffer: "ctypes._Pointer[_Buffer]") -> bytes:
    return ctypes.string_at(buffer.contents.data, buffer.contents.length)


@contextmanager
def _status() -> Iterator[int]:
    """Yield a `TF_Status` to hand to a call; raises `RuntimeFailure` where the call left an error in it."""
    library = _library()
    status = library.TF_NewStatus()
    try:
        yield status
        if code := library.TF_GetCode(status):
            name = STATUS_CODES[code] if code < len(STATUS_CODES) else str(code)
            raise RuntimeFailure(name, library.TF_Message(status).decode(errors="replace"))
    finally:
        library.TF_DeleteStatus(status)


class SavedModelSession:
    """A SavedModel loaded by `TF_LoadSessionFromSavedModel` with the tag `serve`.

    Args:
        directory: folder of the SavedModel.
        on_callers_thread: run operations on the thread that calls `run`, rather than hand them to the runtime's. With
            `configure_runtime(1)`, as many runs at once as there are callers.

    Attributes:
        signatures: the model's signatures by name, without the loader's own `__saved_model_init_op`.

    Raises:
        RuntimeFailure: the model cannot be loaded.
    """

    def __init__(self, directory: Path, *, on_callers_thread: bool = False) -> None:
        self._library = library = _library()
        run_options = RunOptions(inter_op_thread_pool=-1).SerializeToString() if on_callers_thread else b""
        self._run_options = library.TF_NewBufferFromString(run_options, len(run_options))
        self._graph = library.TF_NewGraph()
        options, meta_graph = library.TF_NewSessionOptions(), library.TF_NewBuffer()
        try:
            with _status() as status:
                self._session = library.TF_LoadSessionFromSavedModel(
                    options, None, str(directory).encode(), (c_char_p * 1)(b"serve"), 1, self._graph, meta_graph, status
                )
            signatures = MetaGraphDef.FromString(_buffer_bytes(meta_graph)).signature_def
            self.signatures: dict[str, SignatureDef] = {
                name: signature for name, signature in signatures.items() if not name.startswith("__saved_model")
            }
        except BaseException:
            library.TF_DeleteGraph(self._graph)
            library.TF_DeleteBuffer(self._run_options)
            raise
        finally:
            library.TF_DeleteBuffer(meta_graph)
            library.TF_DeleteSessionOptions(options)

    def close(self) -> None:
        """Free the session and its graph."""
        with _status() as status:
            self._library.TF_CloseSession(self._session, status)
        with _status() as status:
            self._library.TF_DeleteSession(self._session, status)
        self._library.TF_DeleteGraph(self._graph)
        self._library.TF_DeleteBuffer(self._run_options)

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run a signature on arrays; strings are arrays of `object` that hold `bytes`.

        Raises:
            RuntimeFailure: the runtime refused the request.
        """
        definition, library = self.signatures[signature], self._library
        names = list(definition.outputs)
        results = (c_void_p * len(names))()
        feeds: list[int] = []
        try:
            for array in inputs.values():
                feeds.append(_to_tensor(array))
            with _status() as status:
                library.TF_SessionRun(
                    self._session, self._run_options,
                    self._endpoints([definition.inputs[name].name for name in inputs]),
                    (c_void_p * len(feeds))(*feeds), len(feeds),
                    self._endpoints([definition.outputs[name].name for name in names]), results, len(names),
                    None, 0, None, status,
                )  # fmt: skip
            return {name: _to_array(tensor) for name, tensor in zip(names, results, strict=True)}
        finally:
            for tensor in feeds:
                _delete_input(tensor)
            for tensor in filter(None, results):
                library.TF_DeleteTensor(tensor)

    def _endpoints(self, tensor_names: list[str]) -> "ctypes.Array[_Output]":
        endpoints = []
        for tensor_name in tensor_names:
            operation, _, index = tensor_name.partition(":")
            handle = self._library.TF_GraphOperationByName(self._graph, operation.encode())
            if not handle:
                raise RuntimeFailure("NOT_FOUND", f"The graph has no operation {operation}.")
            endpoints.append(_Output(handle, int(index or 0)))
        return (_Output * len(endpoints))(*endpoints)


def _to_tensor(array: np.ndarray) -> int:
    """Return a new `TF_Tensor` that holds a copy of `array`."""
    library = _library()
    dims = (c_int64 * array.ndim)(*array.shape)
    if array.dtype == object:
        tensor = library.TF_AllocateTensor(DataType.DT_STRING, dims, array.ndim, array.size * ctypes.sizeof(_String))
        for string, value in zip(_tensor_strings(tensor), array.flat, strict=True):
            library.TF_StringInit(byref(string))
            library.TF_StringCopy(byref(string), value, len(value))
        return tensor
    kind = next(code for code, dtype in NUMPY_DTYPES.items() if dtype == array.dtype)
    tensor = library.TF_AllocateTensor(kind, dims, array.ndim, array.nbytes)
    ctypes.memmove(library.TF_TensorData(tensor), np.ascontiguousarray(array).ctypes.data, array.nbytes)
    return tensor


def _to_array(tensor: int) -> np.ndarray:
    """Return a copy of a `TF_Tensor`'s values."""
    library = _library()
    shape = tuple(library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor)))
    kind = library.TF_TensorType(tensor)
    if kind == DataType.DT_STRING:
        values = [
            ctypes.string_at(library.TF_StringGetDataPointer(byref(string)), library.TF_StringGetSize(byref(string)))
            for string in _tensor_strings(tensor)
        ]
        return np.array(values, object).reshape(shape)
    if kind not in NUMPY_DTYPES:
        raise RuntimeFailure("UNIMPLEMENTED", f"An output is of type {DataType.Name(kind)}.")
    data = ctypes.string_at(library.TF_TensorData(tensor), library.TF_TensorByteSize(tensor))
    return np.frombuffer(data, NUMPY_DTYPES[kind]).reshape(shape).copy()


def _tensor_strings(tensor: int) -> "ctypes.Array[_String]":
    """Return the strings of a `TF_STRING` tensor, in place."""
    library = _library()
    count = library.TF_TensorByteSize(tensor) // ctypes.sizeof(_String)
    return (_String * count).from_address(library.TF_TensorData(tensor)) if count else (_String * 0)()


def _delete_input(tensor: int) -> None:
    """Free a tensor of `_to_tensor`, whose long strings `TF_DeleteTensor` would leave behind."""
    library = _library()
    if library.TF_TensorType(tensor) == DataType.DT_STRING:
        for string in _tensor_strings(tensor):
            library.TF_StringDealloc(byref(string))
    library.TF_DeleteTensor(tensor)
