"""A tensor in a file of torch.save: a view, by offset and strides, of values that lie elsewhere in the file."""

from __future__ import annotations

from dataclasses import dataclass

#: Elements of a tensor whose axes repeat the same values; others have no more than their storage holds.
_MOST_REPEATED = 2**31

#: NumPy's names of the types (by ml_dtypes, where they are not its own) and their bytes, by PyTorch's names.
DTYPES = {
    "bool": ("bool", 1), "uint8": ("uint8", 1), "int8": ("int8", 1), "int16": ("int16", 2), "int32": ("int32", 4),
    "int64": ("int64", 8), "uint16": ("uint16", 2), "uint32": ("uint32", 4), "uint64": ("uint64", 8),
    "float16": ("float16", 2), "bfloat16": ("bfloat16", 2), "float32": ("float32", 4), "float64": ("float64", 8),
    "complex64": ("complex64", 8), "complex128": ("complex128", 16), "float8_e4m3fn": ("float8_e4m3fn", 1),
    "float8_e5m2": ("float8_e5m2", 1), "float8_e4m3fnuz": ("float8_e4m3fnuz", 1),
    "float8_e5m2fnuz": ("float8_e5m2fnuz", 1), "float8_e8m0fnu": ("float8_e8m0fnu", 1),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class TorchStorage:
    """The values of one or several tensors: a member of the archive.

    Attributes:
        key: name of the member in the folder `data`.
        bytes: its size.
        dtype: PyTorch's name of the type of its elements.
    """

    key: str
    bytes: int
    dtype: str


@dataclass(frozen=True, slots=True, eq=False)
class TorchTensor:
    """A tensor as a view of its storage.

    Attributes:
        storage: where its values are.
        dtype: PyTorch's name of its type.
        offset: its first element.
        shape: its shape.
        strides: elements from one value to the next, an axis each.
    """

    storage: TorchStorage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def span(self) -> int:
        """Elements of the storage from the first value to the last."""
        if 0 in self.shape:
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))

    def problem(self) -> str:
        """Return why its storage cannot hold it; empty where it can."""
        values, repeated = 1, 1
        for size, stride in zip(self.shape, self.strides, strict=True):
            values *= size if stride or not size else 1
            repeated *= size
        item = DTYPES[self.dtype][1]
        held = self.storage.bytes // item
        where = f"its storage data/{self.storage.key} has {held:,}"
        if self.span and self.offset + self.span > held:
            return f"it reaches to element {_number(self.offset + self.span)}, and {where}"
        if values > held or repeated > _MOST_REPEATED:
            return f"its shape has {_number(repeated)} elements, and {where}"
        return ""


def _number(value: int) -> str:
    return f"{value:,}" if value < 10**15 else "more than 10^15"


__all__ = ["DTYPES", "TorchStorage", "TorchTensor"]
