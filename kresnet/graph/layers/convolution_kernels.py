"""Other ways than TensorFlow's own kernels to compute a convolution and its gradients, to the same numbers.

Which of them is fastest depends on the processor, the type and the shape. Below `x` is `(N, H, W, C)`, `kernel`
`(k, k, C / groups, F)`, and `gradient`, that with respect to the output, `(N, H', W', F)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kresnet.plan.convolutions import KernelChoice


@dataclass(frozen=True, slots=True)
class Window:
    """The places that a convolution's window takes.

    Attributes:
        size: rows and columns of the window.
        stride: pixels between two windows.
        dilation: pixels between two of a window's values.
        pads: zeros before and behind the rows, and before and behind the columns.
        groups: number of parts that the channels are in.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    groups: int

    @classmethod
    def of(cls, x: Any, size: Any, stride: Any, padding: str, dilation: Any, groups: int) -> Window:
        """Return the window of a convolution over `x`, whose height and width are known; padded as TensorFlow does."""
        pads = []
        for extent, side, step, spacing in zip(x.shape[1:3], size, stride, dilation, strict=True):
            missing = (-(-extent // step) - 1) * step + (side - 1) * spacing + 1 - extent
            missing = max(missing, 0) if padding == "same" else 0
            pads.append((missing // 2, missing - missing // 2))
        return cls(tuple(size), tuple(stride), tuple(dilation), (pads[0], pads[1]), groups)

    def mirrored(self) -> Window:
        """Return the window by which the gradient by the output becomes that by the input, of stride 1."""
        spans = [(side - 1) * spacing for side, spacing in zip(self.size, self.dilation, strict=True)]
        top, left = ((span - before, span - behind) for span, (before, behind) in zip(spans, self.pads, strict=True))
        return Window(self.size, self.stride, self.dilation, (top, left), self.groups)


def convolve(x: Any, kernel: Any, stock: Callable[[Any, Any], Any], choice: KernelChoice, window: Window) -> Any:
    """Return a convolution each of whose passes is computed in the chosen way.

    Args:
        x: `(N, H, W, C)`.
        kernel: `(k, k, C / groups, F)`, of the same type.
        stock: the convolution of both by TensorFlow's own kernels, which have gradients.
        choice: how each pass is computed; what `can_choose` refuses must be stock.
        window: the places of the window.
    """

    @tf.custom_gradient
    def chosen(x: Any, kernel: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        return convolution_pass("forward", choice.forward, (x, kernel), stock, window), lambda gradient: tuple(
            convolution_pass(name, way, (x, kernel, gradient), stock, window)
            for name, way in (("by_input", choice.by_input), ("by_weights", choice.by_weights))
        )

    return chosen(x, kernel)


def convolution_pass(
    name: str, way: str, tensors: tuple[Any, ...], stock: Callable[[Any, Any], Any], window: Window
) -> Any:
    """Return one pass of a convolution, computed in one way.

    Args:
        name: `forward`, `by_input` or `by_weights`.
        way: `stock`, `products` or `transposed`.
        tensors: x and kernel; of a gradient also the gradient by the output.
        stock: the convolution by TensorFlow's own kernels.
        window: the places of the window.
    """
    if way != "stock":
        return _WAYS[name, way](*tensors, window)
    if name == "forward":
        return stock(*tensors)
    x, kernel, gradient = tensors
    by = x if name == "by_input" else kernel
    with tf.GradientTape() as tape:  # a graph does without the outputs, which no gradient reads
        tape.watch(by)
        y = stock(x, kernel)
    return tape.gradient(y, by, gradient)


def can_choose(name: str, way: str, *, stride: int, kernel: int, groups: int) -> bool:
    """Return whether a pass of such a convolution can be computed in a way."""
    if way == "stock":
        return True
    if name == "by_input" and stride > 1:  # whose windows leave gaps
        return False
    return way == "products" or (kernel > 1 and groups == 1)


def _products(x: Any, kernel: Any, window: Window) -> Any:
    """Sum over the window's places of the shifted map times the kernel's matrix there."""
    matrices = _kernel_matrices(kernel, window.groups)
    maps = _shifted_maps(x, window)
    total, shape = None, None
    for matrix, shifted in zip(matrices, maps, strict=True):
        shape = _sizes(shifted)
        product = tf.matmul(_rows(shifted), matrix)
        total = product if total is None else total + product
    assert shape
    return _joined(tf.reshape(total, [*shape[:-1], kernel.shape[-1] // window.groups]), window.groups)


def _products_by_input(x: Any, kernel: Any, gradient: Any, window: Window) -> Any:
    return _products(gradient, _mirrored(kernel, window.groups), window.mirrored())


def _products_by_weights(x: Any, kernel: Any, gradient: Any, window: Window) -> Any:
    """For each of the window's places the product of the shifted map, transposed, and the gradient."""
    groups = window.groups
    rows = _rows(_apart(gradient, groups))
    found = [tf.matmul(_rows(shifted), rows, transpose_a=True) for shifted in _shifted_maps(x, window)]
    stacked = tf.stack(found)  # (k * k, [groups,] C / groups, F / groups)
    if groups > 1:
        stacked = tf.transpose(stacked, (0, 2, 1, 3))
    return tf.reshape(stacked, kernel.shape)


def _transposed_by_input(x: Any, kernel: Any, gradient: Any, window: Window) -> Any:
    """The gradient convolved with the kernel turned round, its channels and filters exchanged."""
    window = window.mirrored()
    return tf.nn.conv2d(gradient, _mirrored(kernel, 1), 1, _explicit(window.pads), dilations=list(window.dilation))


def _transposed_by_weights(x: Any, kernel: Any, gradient: Any, window: Window) -> Any:
    """The map convolved with the gradient, where images are what channels were: stride and dilation change places."""
    y = tf.nn.conv2d(
        tf.transpose(x, (3, 1, 2, 0)),
        tf.transpose(gradient, (1, 2, 0, 3)),
        list(window.dilation),
        _explicit(window.pads),
        dilations=list(window.stride),
    )
    return tf.transpose(y[:, : window.size[0], : window.size[1]], (1, 2, 0, 3))


_WAYS: dict[tuple[str, str], Callable[..., Any]] = {
    ("forward", "products"): _products,
    ("by_input", "products"): _products_by_input,
    ("by_input", "transposed"): _transposed_by_input,
    ("by_weights", "products"): _products_by_weights,
    ("by_weights", "transposed"): _transposed_by_weights,
}


def _shifted_maps(x: Any, window: Window) -> Iterator[Any]:
    """Return what each of the window's places reads: `([groups,] N, H', W', C / groups)` a place."""
    if any(map(any, window.pads)):
        x = tf.pad(x, [(0, 0), *window.pads, (0, 0)])
    height, width = x.shape[1:3]
    x = _apart(x, window.groups)
    if window.size == (1, 1) and window.stride == (1, 1):
        yield x
        return
    rows, columns = (
        extent - (side - 1) * spacing
        for extent, side, spacing in zip((height, width), window.size, window.dilation, strict=True)
    )
    for row in range(window.size[0]):
        for column in range(window.size[1]):
            top, left = row * window.dilation[0], column * window.dilation[1]
            yield x[..., top : top + rows : window.stride[0], left : left + columns : window.stride[1], :]


def _apart(x: Any, groups: int) -> Any:
    """Return `(groups, N, H, W, C / groups)` of a map; the map itself where there is one group."""
    if groups == 1:
        return x
    *sizes, channels = _sizes(x)
    return tf.transpose(tf.reshape(x, [*sizes, groups, channels // groups]), (3, 0, 1, 2, 4))


def _joined(x: Any, groups: int) -> Any:
    """Return the map of which `_apart` would have made this."""
    if groups == 1:
        return x
    _, *sizes, channels = _sizes(x)
    return tf.reshape(tf.transpose(x, (1, 2, 3, 0, 4)), [*sizes, groups * channels])


def _rows(x: Any) -> Any:
    """Return the pixels of a map as rows of a matrix, `(N * H * W, C)`, a matrix for each group."""
    return tf.reshape(x, [*x.shape[:-4], -1, x.shape[-1]])


def _kernel_matrices(kernel: Any, groups: int) -> list[Any]:
    """Return a matrix `([groups,] C / groups, F / groups)` for each of the window's places."""
    height, width, channels, filters = kernel.shape
    matrices = tf.reshape(kernel, (height * width, channels, filters))
    if groups > 1:
        matrices = tf.reshape(matrices, (height * width, channels, groups, filters // groups))
        matrices = tf.transpose(matrices, (0, 2, 1, 3))
    return tf.unstack(matrices)


def _mirrored(kernel: Any, groups: int) -> Any:
    """Return the kernel turned round, its channels and filters exchanged: `(k, k, F / groups, C)`."""
    height, width, channels, filters = kernel.shape
    turned = tf.reverse(kernel, (0, 1)) if (height, width) != (1, 1) else kernel
    if groups == 1:
        return tf.transpose(turned, (0, 1, 3, 2))
    turned = tf.reshape(turned, (height, width, channels, groups, filters // groups))
    return tf.reshape(tf.transpose(turned, (0, 1, 4, 3, 2)), (height, width, filters // groups, groups * channels))


def _sizes(x: Any) -> list[Any]:
    """Return the sizes of a tensor, those that are not known as tensors."""
    return [tf.shape(x)[place] if size is None else size for place, size in enumerate(x.shape)]


def _explicit(pads: tuple[tuple[int, int], tuple[int, int]]) -> list[list[int]]:
    return [[0, 0], *map(list, pads), [0, 0]]


__all__ = ["Window", "can_choose", "convolution_pass", "convolve"]
