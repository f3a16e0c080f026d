"""A plan's network of Keras's own layers, which `.keras` files hold: they open where kresnet is not installed."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import Layer

from kresnet.graph.initializers import ScaledNormal
from kresnet.graph.layers import (
    Conv2D,
    Dropout,
    FusedBatchNorm,
    GlobalResponseNorm,
    LayerScale,
    MaxPooling2D,
    NormalizePixels,
    StandardizedConv2D,
    StochasticDepth,
    SymmetricPad,
)
from kresnet.graph.layers.convolution import standardized, stock_convolution
from kresnet.graph.recursion import room_for_recursion
from kresnet.plan.records import stock_name


def save_stock(model: keras.Model, path: Path) -> None:
    """Write a model of stock layers as a `.keras` file, however many layers it has in a row."""
    with room_for_recursion(len(model.layers)):
        model.save(path)


def stock_output(layer: Layer, inputs: Any, *, weighted: bool) -> Any:
    """Return what layers of Keras's own give where `layer` stands: its weights, its first values of them, a like name.

    Where Keras has no such layer, it is a model of the operations that ours computes by. An extension's layer with
    weights of its own stays what it is: the file then opens where the extension is imported.

    Args:
        layer: the layer, not built yet.
        inputs: the symbolic tensor that it is to be called with, or a list of them.
        weighted: whether it has weights.
    """
    layer.name = stock_name(layer.name)
    known = _stock_layer.dispatch(type(layer)) is not _stock_layer.dispatch(object)
    stock = layer if weighted and not known else _stock_layer(layer, inputs)
    output = stock(inputs)
    for each in (stock, *getattr(stock, "layers", ())):
        for name, value in vars(each).items():
            if isinstance(value, ScaledNormal):  # which drew the values, and which only kresnet has
                setattr(each, name, value.stock())
    return output


@singledispatch
def _stock_layer(layer: Any, inputs: Any) -> Layer:
    return layer if type(layer).__module__.startswith("keras.") else _recorded(layer, inputs, layer.call)


@_stock_layer.register(Conv2D)
@_stock_layer.register(MaxPooling2D)
def _(layer: Any, inputs: Any) -> Layer:
    return _made_of(type(layer).mro()[1], layer)


@_stock_layer.register
def _(layer: FusedBatchNorm, inputs: Any) -> Layer:
    """The spec says whether statistics were those of all replicas; Keras knows it on TensorFlow only, and raises."""
    return _made_of(keras.layers.BatchNormalization, layer, synchronized=False)


@_stock_layer.register
def _(layer: Dropout, inputs: Any) -> Layer:
    return _made_of(keras.layers.Dropout, layer)


@_stock_layer.register
def _(layer: StochasticDepth, inputs: Any) -> Layer:
    return _made_of(keras.layers.Dropout, layer, noise_shape=(None, *(1 for _ in inputs.shape[1:])))


@_stock_layer.register
def _(layer: NormalizePixels, inputs: Any) -> Layer:
    """The factor and the summand of each channel, in float64, so that a reader finds the spec's own numbers in them."""
    (low, high), mean, std = (np.asarray(layer.settings[name], np.float64) for name in ("range", "mean", "std"))
    scale, offset = (each.tolist() for each in ((high - low) / 255 / std, (low - mean) / std))
    in_order = layer.settings["channel_order"] == "rgb"
    name = layer.name if in_order else "rescaling"
    rescaling = keras.layers.Rescaling(scale, offset, name=name, dtype=layer.dtype_policy)
    return rescaling if in_order else _recorded(layer, inputs, lambda x: rescaling(ops.flip(x, axis=-1)))


@_stock_layer.register
def _(layer: StandardizedConv2D, inputs: Any) -> Layer:
    """Keras standardises no kernel: a layer of sums gives the kernel as its output, and operations do the rest.

    Called with ones it gives kernel plus bias, whose standardised value is the kernel's, and with zeros the bias.
    """
    shape = (*layer.kernel_size, inputs.shape[-1] // layer.groups, layer.filters)
    holder = keras.layers.EinsumDense(
        "n,hwio->nhwio", shape, bias_axes="o" if layer.use_bias else None, kernel_initializer=layer.kernel_initializer,
        name=layer.name, dtype=layer.dtype_policy,
    )  # fmt: skip

    def convolved(x: Any) -> Any:
        kernel = ops.cast(standardized(holder(ops.ones_like(x[:1, 0, 0, 0]))[0], layer.kernel_epsilon), x.dtype)
        output = stock_convolution(x, kernel, layer.groups, (layer.strides, layer.padding, None, layer.dilation_rate))
        return output + holder(ops.zeros_like(x[:1, 0, 0, 0]))[0, 0, 0, 0] if layer.use_bias else output

    return _recorded(layer, inputs, convolved)


@_stock_layer.register
def _(layer: SymmetricPad, inputs: Any) -> Layer:
    if layer.fill == "lowest":
        return _recorded(layer, inputs, layer.call)
    return keras.layers.ZeroPadding2D(layer.side, name=layer.name, dtype=layer.dtype_policy)


@_stock_layer.register
def _(layer: LayerScale, inputs: Any) -> Layer:
    return _scale_and_offset(layer, inputs, layer.initial)


@_stock_layer.register
def _(layer: GlobalResponseNorm, inputs: Any) -> Layer:
    weighted = _scale_and_offset(layer, inputs, 0.0, bias_axes="c")
    return _recorded(layer, inputs, lambda x: x + weighted(layer.normalized(x)))


def _scale_and_offset(layer: Layer, inputs: Any, initial: float, **offset: str) -> Layer:
    """Keras's layer of a factor a channel, and an offset where `bias_axes` is `c`, whose weights are named as ours.

    In a file a layer's weights have numbers and no names.
    """
    initializer = keras.initializers.Constant(initial)
    axes = "nhwc" if len(inputs.shape) == 4 else "nc"
    scale = keras.layers.EinsumDense(
        f"{axes},c->{axes}",
        inputs.shape[1:],
        kernel_initializer=initializer,
        name=layer.name,
        dtype=layer.dtype_policy,
        **offset,
    )
    scale.build(inputs.shape)
    for weight, name in zip(scale.weights, ("gamma", "beta"), strict=False):
        weight._name = name
    return scale


def _made_of(stock: type[Layer], layer: Layer, **changes: Any) -> Layer:
    """A stock layer of the settings of ours."""
    return stock.from_config(layer.get_config() | changes)


def _recorded(layer: Layer, inputs: Any, function: Callable[[Any], Any]) -> keras.Model:
    """A model of the operations by which `function` computes, as a layer of the name of ours."""
    if isinstance(inputs, list):
        x = [keras.Input(each.shape[1:], name=f"input{n}", dtype=each.dtype) for n, each in enumerate(inputs, 1)]
    else:
        x = keras.Input(inputs.shape[1:], name="input", dtype=inputs.dtype)
    model = keras.Model(x, function(x), name=layer.name)
    computing = [each for each in model.operations if not isinstance(each, keras.layers.InputLayer)]
    for number, operation in enumerate(computing, 1):  # Keras numbers them through the whole process
        if operation.name != layer.name:  # that of one with the weights, by which a reader of the file knows it
            operation.name = f"{type(operation).__name__.lower()}{number}"
    return model


__all__ = ["save_stock", "stock_output"]
