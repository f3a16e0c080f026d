"""Pickles as torch.save writes them, interpreted: what state dicts are made of is built, and nothing is ever called.

Python's own unpickler imports and calls whatever a pickle names. Here a name is a text: a few stand for tensors,
storages and containers, a few for values that are of no use (`Opaque`), and any other is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kresnet.weights.files.torch_tensor import DTYPES, TorchStorage, TorchTensor

#: A checkpoint of ResNet-152 with its optimizer takes some 100,000; each makes at most one small value.
_MOST_OPCODES = 1_000_000

#: NumPy's limit.
_MOST_AXES = 64

_STORAGES = {
    "torch.BoolStorage": "bool", "torch.ByteStorage": "uint8", "torch.CharStorage": "int8",
    "torch.ShortStorage": "int16", "torch.IntStorage": "int32", "torch.LongStorage": "int64",
    "torch.HalfStorage": "float16", "torch.BFloat16Storage": "bfloat16", "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64", "torch.ComplexFloatStorage": "complex64",
    "torch.ComplexDoubleStorage": "complex128", "torch.UntypedStorage": "uint8",
    "torch.storage.UntypedStorage": "uint8", "torch.storage._UntypedStorage": "uint8",
}  # fmt: skip

_TENSORS = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"}
_PARAMETERS = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
_SUBCLASSES = "torch._tensor._rebuild_from_type_v2"
_TENSOR_TYPES = {"torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
_DICTS = {"collections.OrderedDict", "collections.defaultdict"}

#: What stands beside weights: options, counters, the types and values of NumPy. Made `Opaque`, whatever they hold.
_OPAQUE = {
    "_codecs.encode", "argparse.Namespace", "collections.Counter", "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar", "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar",
    "numpy.dtype", "numpy.ndarray", "pathlib.Path", "pathlib.PosixPath", "pathlib.PurePosixPath",
    "pathlib.WindowsPath", "pathlib._local.PosixPath", "torch.device",
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in (
        "set", "frozenset", "slice", "complex", "bytearray", "dict", "list", "tuple", "int", "float", "str", "bool",
    )),
    *(f"numpy.dtypes.{kind}DType" for kind in (
        "Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt32", "UInt64", "Float16", "Float32", "Float64",
    )),
}  # fmt: skip

_NAMES = {
    *_STORAGES, *(f"torch.{name}" for name in DTYPES), *_TENSORS, *_PARAMETERS, _SUBCLASSES, *_TENSOR_TYPES, *_DICTS,
    *_OPAQUE, "torch.Size",
}  # fmt: skip

#: Types of keys that are looked up; others could take forever to hash, and nobody asks for them.
_KEYS = (str, int, float, bool, bytes, type(None))


class RefusedName(Exception):
    """A pickle names what is no part of a state dict.

    Attributes:
        name: the name, as `module.attribute`, printable and short.
    """

    def __init__(self, name: str) -> None:
        self.name = name if name.isprintable() and len(name) <= 100 else ascii(name[:100])
        super().__init__(self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """A value that no weights are taken from.

    Attributes:
        name: name of what made it.
    """

    name: str


class _Name(str):
    """A class or function that a pickle names."""

    __slots__ = ()


def read_pickle(data: bytes) -> Any:
    """Return what a pickle holds: dicts, lists, tuples, texts and numbers, `TorchTensor`, `TorchStorage` and `Opaque`.

    Containers may hold themselves, and one another any number of times: what is returned must not be walked blindly.

    Args:
        data: the pickle.

    Raises:
        RefusedName: for a name that is no part of a state dict, or that is used as none of a state dict is.
        ValueError: if it is damaged, has an opcode that torch.save does not write, or is too long.
    """
    machine = _Machine()
    for opcode, argument, place in islice(_instructions(data), _MOST_OPCODES):
        try:
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.execute(opcode.name, argument)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            text = str(error) if type(error) is ValueError else "it does not fit what stands before it"
            raise ValueError(f"its data.pkl is wrong at byte {place}, {opcode.name}: {text}") from None
    raise ValueError(f"its data.pkl has more than {_MOST_OPCODES:,} instructions")


def _instructions(data: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    try:
        yield from pickletools.genops(data)
    except ValueError as error:
        raise ValueError(f"its data.pkl is damaged: {error}") from None


class _Machine:
    """The stack, the marks in it and the memo of a pickle being read."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks beneath each mark
        self.memo: dict[int, Any] = {}

    def execute(self, opcode: str, argument: Any) -> None:
        """Execute an instruction; the names are those of `pickletools`."""
        stack = self.stack
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
            case ("BININT" | "BININT1" | "BININT2" | "LONG1" | "LONG4" | "BINFLOAT" | "BINUNICODE" | "BINUNICODE8"
                  | "SHORT_BINUNICODE" | "BINBYTES" | "BINBYTES8" | "SHORT_BINBYTES" | "BYTEARRAY8" | "BINSTRING"
                  | "SHORT_BINSTRING"):  # fmt: skip
                stack.append(argument)
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_SET":
                stack.append(Opaque("set"))
            case "MARK":
                self.below.append(stack)
                self.stack = []
            case "POP":
                _ = stack.pop() if stack else self._take_marked()
            case "POP_MARK":
                self._take_marked()
            case "DUP":
                stack.append(stack[-1])
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(opcode[-1])
                values = tuple(stack[-count:])
                if len(values) != count:
                    raise IndexError
                stack[-count:] = [values]
            case "TUPLE":
                values = tuple(self._take_marked())
                self.stack.append(values)
            case "FROZENSET":
                self._take_marked()
                self.stack.append(Opaque("frozenset"))
            case "APPEND":
                value = stack.pop()
                self._extend([value])
            case "APPENDS" | "ADDITEMS":
                self._extend(self._take_marked())
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                self._set_items([key, value])
            case "SETITEMS":
                self._set_items(self._take_marked())
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "GLOBAL":
                stack.append(_known_name(argument.replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                if type(module) is not str or type(attribute) is not str:
                    raise ValueError("a name is no text")
                stack.append(_known_name(f"{module}.{attribute}"))
            case "REDUCE" | "NEWOBJ":
                arguments, name = stack.pop(), stack.pop()
                stack.append(_built(name, arguments))
            case "BUILD":
                stack.pop()  # attributes, such as the versions of modules that a state dict has as `_metadata`
                if isinstance(stack[-1], _Name):
                    raise RefusedName(stack[-1])
                if not isinstance(stack[-1], dict | Opaque):
                    raise ValueError("attributes are set on what has none")
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case _:
                raise ValueError("torch.save writes no such instruction")

    def _take_marked(self) -> list[Any]:
        marked, self.stack = self.stack, self.below.pop()
        return marked

    def _extend(self, values: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)
        elif not isinstance(self.stack[-1], Opaque):
            raise ValueError("what is added to is no list")

    def _set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict | Opaque):
            raise ValueError("what is added to is no dict")
        if isinstance(target, dict):
            for key, value in zip(values[::2], values[1::2], strict=True):
                target[key if type(key) in _KEYS else object()] = value


def _known_name(name: str) -> _Name:
    if name not in _NAMES:
        raise RefusedName(name)
    return _Name(name)


def _built(name: Any, arguments: Any) -> Any:
    """Return what a state dict means by the call of a name with arguments."""
    if not isinstance(name, _Name) or not isinstance(arguments, tuple):
        raise ValueError("what is called has no name")
    if name in _DICTS:
        return {}
    if name in _OPAQUE:
        return Opaque(name)
    if name == "torch.Size":
        return _integers(arguments[0])
    if name in _TENSORS:
        storage, offset, shape, strides = arguments[:4]
        dtype = arguments[6].removeprefix("torch.") if name.endswith("_v3") else storage.dtype
        return _tensor(storage, dtype, offset, shape, strides)
    if name in _PARAMETERS and isinstance(arguments[0], TorchTensor):
        return arguments[0]
    if name == _SUBCLASSES:
        builder, kind = arguments[:2]
        if isinstance(builder, _Name) and builder in _TENSORS and isinstance(kind, _Name) and kind in _TENSOR_TYPES:
            return _built(builder, arguments[2])
    raise RefusedName(name)


def _tensor(storage: Any, dtype: str, offset: Any, shape: Any, strides: Any) -> TorchTensor:
    (start,) = _integers((offset,))
    tensor = TorchTensor(storage, dtype, start, _integers(shape), _integers(strides))
    if not isinstance(storage, TorchStorage) or dtype not in DTYPES or len(tensor.shape) != len(tensor.strides):
        raise ValueError("its tensor is none")
    return tensor


def _integers(values: Any) -> tuple[int, ...]:
    """Return sizes, strides or an offset, which are whole and not negative."""
    if not isinstance(values, Sequence) or len(values) > _MOST_AXES:
        raise ValueError("a tensor has no such shape")
    if any(type(value) is not int or not 0 <= value < 2**63 for value in values):
        raise ValueError("a size or stride is no whole number from 0")
    return tuple(values)


def _storage(reference: Any) -> TorchStorage:
    """Return the storage that a persistent id speaks of."""
    if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage":
        raise ValueError("a reference is none to a storage")
    _, kind, key, _, count = reference
    if not isinstance(kind, _Name) or kind not in _STORAGES or type(key) is not str:
        raise ValueError("a reference is to no storage of a known type")
    (elements,) = _integers((count,))
    return TorchStorage(key, elements * DTYPES[_STORAGES[kind]][1], _STORAGES[kind])


__all__ = ["Opaque", "RefusedName", "read_pickle"]
