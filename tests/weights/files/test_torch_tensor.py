"""What a view of a storage reaches to, beside NumPy's own views."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.weights.files.torch_tensor import TorchStorage, TorchTensor

STORAGE = TorchStorage("3", 96, "float32")  # 24 elements


def tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> TorchTensor:
    return TorchTensor(STORAGE, "float32", offset, shape, strides)


@pytest.mark.parametrize("view", [
    (slice(2, 20, 3),), (slice(0, 24),), (slice(23, 24),),
])  # fmt: skip
def test_the_span_is_numpys(view):
    values = np.arange(24, dtype=np.float32)
    part = values[view].reshape(-1, 1).T
    found = tensor(int(part.flat[0]), part.shape, tuple(each // 4 for each in part.strides))
    assert found.offset + found.span - 1 == part.max()
    assert not found.problem()


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "said"),
    [
        ((5, 5), (5, 1), 0, "reaches to element 25, and its storage data/3 has 24"),
        ((24,), (1,), 1, "reaches to element 25"),
        ((2,), (2**62,), 0, "more than 10^15"),
        ((2**40, 2**40), (0, 0), 0, "its shape has more than 10^15 elements"),
        ((5, 5), (1, 1), 0, "its shape has 25 elements"),
        ((0,), (1,), 10**9, ""),
        ((2**62, 0), (1, 1), 0, ""),
        ((3, 8), (0, 3), 0, ""),
        ((1, 1), (10**9, 10**9), 23, ""),
        ((), (), 23, ""),
        ((), (), 24, "reaches to element 25"),
    ],
)
def test_a_view_beyond_its_storage_is_told(shape, strides, offset, said):
    problem = tensor(offset, shape, strides).problem()
    assert said in problem
    assert bool(said) == bool(problem)


def test_another_type_has_other_elements():
    view = TorchTensor(TorchStorage("0", 10, "uint8"), "float32", 0, (2,), (1,))
    assert not view.problem()
    assert TorchTensor(TorchStorage("0", 7, "uint8"), "float32", 0, (2,), (1,)).problem()
