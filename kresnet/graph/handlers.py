"""The Keras layer of each kind of record that ships, and of each kind of norm."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras.layers import Layer

from kresnet.graph.initializers import make_initializer
from kresnet.graph.layers import (
    BlurPool2D,
    Conv2D,
    DilatedAveragePooling,
    Dropout,
    GlobalResponseNorm,
    IdentityPad,
    LayerScale,
    MaxPooling2D,
    NormalizePixels,
    StandardizedConv2D,
    StochasticDepth,
    StridedPad,
    SymmetricPad,
)
from kresnet.plan import Plan, Record
from kresnet.plan.convolutions import STOCK, KernelChoice
from kresnet.plan.kinds import NORMS, record_kind

Handler = Callable[["BuildContext", Record], Layer]
BatchNorm = type[keras.layers.BatchNormalization]

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}

_HANDLERS: dict[str, Handler] = {}


class BuildContext:
    """What handlers need beside the record: the compute type, the seed of weights and dropout, norms, kernels."""

    def __init__(
        self, plan: Plan, precision: str, seed: int, batch_norm: BatchNorm, kernels: Mapping[str, KernelChoice]
    ) -> None:
        self.kernels = kernels
        self.policy, self.seed, self.batch_norm = POLICIES[precision], seed, batch_norm
        self.outputs = set(plan.outputs.values())

    def common_arguments(self, record: Record) -> dict[str, Any]:
        """Return name and type of the record's layer; outputs of the network are float32 in any precision."""
        return {"name": record.name, "dtype": "float32" if record.name in self.outputs else self.policy}

    def layer_seed(self, record: Record) -> int:
        """Return a seed for this layer only, so that adding a layer leaves the other layers' initial weights alone."""
        return zlib.crc32(f"{self.seed}/{record.name}".encode())

    def kernel_arguments(self, record: Record) -> dict[str, Any]:
        """Return initializers of the kernel and the bias of a convolution or dense layer."""
        settings = record.settings
        initializer = make_initializer(settings["initializer"], self.layer_seed(record))
        return {"use_bias": settings["bias"], "kernel_initializer": initializer}


def make_layer(context: BuildContext, record: Record) -> Layer:
    """Return the Keras layer of a record, by the handler of its kind: kresnet's own, or the one that it came with."""
    handler = _HANDLERS.get(record.kind) or record_kind(record).layer
    assert handler, f"nothing makes the layer of a {record.kind}"
    return handler(context, record)


def _handles(kind: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _HANDLERS[kind] = handler
        return handler

    return register


@_handles("normalize")
def _normalize(context: BuildContext, record: Record) -> Layer:
    return NormalizePixels(**record.settings, **context.common_arguments(record))


@_handles("conv")
def _conv(context: BuildContext, record: Record) -> Layer:
    settings = record.settings
    standardized = {"kernel_epsilon": settings["standardized"]} if "standardized" in settings else {}
    layer = (StandardizedConv2D if standardized else Conv2D)(
        record.shape[-1],
        settings["kernel"],
        strides=settings["stride"],
        padding=settings["padding"],
        dilation_rate=settings["dilation"],
        groups=settings["groups"],
        **standardized,
        **context.kernel_arguments(record),
        **context.common_arguments(record),
    )
    layer.kernels = context.kernels.get(record.name, STOCK)
    return layer


@_handles("depthwise_conv")
def _depthwise_conv(context: BuildContext, record: Record) -> Layer:
    settings = record.settings
    initializer = make_initializer(settings["initializer"], context.layer_seed(record), channels_apart=record.shape[-1])
    return keras.layers.DepthwiseConv2D(
        settings["kernel"],
        strides=settings["stride"],
        padding=settings["padding"],
        dilation_rate=settings["dilation"],
        use_bias=settings["bias"],
        depthwise_initializer=initializer,
        **context.common_arguments(record),
    )


@_handles("dense")
def _dense(context: BuildContext, record: Record) -> Layer:
    return keras.layers.Dense(record.shape[-1], **context.kernel_arguments(record), **context.common_arguments(record))


@_handles("channel_conv")
def _channel_conv(context: BuildContext, record: Record) -> Layer:
    initializer = make_initializer(record.settings["initializer"], context.layer_seed(record))
    return keras.layers.Conv1D(
        1,
        record.settings["kernel"],
        padding="same",
        use_bias=False,
        kernel_initializer=initializer,
        **context.common_arguments(record),
    )


@_handles("norm")
def _norm(context: BuildContext, record: Record) -> Layer:
    settings = record.settings
    gamma = "zeros" if settings["zero_gamma"] else "ones"
    common = {"epsilon": settings.get("epsilon"), "gamma_initializer": gamma, **context.common_arguments(record)}
    match settings["kind"]:
        case "batch":
            return context.batch_norm(momentum=settings["momentum"], synchronized=settings["synchronized"], **common)
        case "group":
            return keras.layers.GroupNormalization(settings["groups"], **common)
        case "layer":
            return keras.layers.LayerNormalization(**common)
    handler = NORMS[settings["kind"]].layer
    assert handler, f"nothing makes the layer of a {settings['kind']} norm"
    return handler(context, record)


@_handles("layer_scale")
def _layer_scale(context: BuildContext, record: Record) -> Layer:
    return LayerScale(**record.settings, **context.common_arguments(record))


@_handles("response_norm")
def _response_norm(context: BuildContext, record: Record) -> Layer:
    return GlobalResponseNorm(**record.settings, **context.common_arguments(record))


@_handles("activation")
def _activation(context: BuildContext, record: Record) -> Layer:
    return keras.layers.Activation(record.settings["function"], **context.common_arguments(record))


@_handles("pool")
def _pool(context: BuildContext, record: Record) -> Layer:
    settings = record.settings
    if "dilation" in settings:
        return DilatedAveragePooling(settings["size"], settings["dilation"], **context.common_arguments(record))
    layer = MaxPooling2D if settings["how"] == "max" else keras.layers.AveragePooling2D
    return layer(settings["size"], settings["stride"], padding=settings["padding"], **context.common_arguments(record))


@_handles("blur")
def _blur(context: BuildContext, record: Record) -> Layer:
    return BlurPool2D(record.settings["stride"], record.settings["dilation"], **context.common_arguments(record))


@_handles("global_pool")
def _global_pool(context: BuildContext, record: Record) -> Layer:
    settings = record.settings
    layer = keras.layers.GlobalMaxPooling2D if settings["how"] == "max" else keras.layers.GlobalAveragePooling2D
    return layer(keepdims=settings["keep_map"], **context.common_arguments(record))


@_handles("flatten")
def _flatten(context: BuildContext, record: Record) -> Layer:
    return keras.layers.Flatten(**context.common_arguments(record))


@_handles("reshape")
def _reshape(context: BuildContext, record: Record) -> Layer:
    return keras.layers.Reshape(record.shape, **context.common_arguments(record))


@_handles("pad")
def _pad(context: BuildContext, record: Record) -> Layer:
    return SymmetricPad(**record.settings, **context.common_arguments(record))


@_handles("strided_pad")
def _strided_pad(context: BuildContext, record: Record) -> Layer:
    return StridedPad(**record.settings, **context.common_arguments(record))


@_handles("identity_pad")
def _identity_pad(context: BuildContext, record: Record) -> Layer:
    return IdentityPad(**record.settings, **context.common_arguments(record))


@_handles("add")
def _add(context: BuildContext, record: Record) -> Layer:
    return keras.layers.Add(**context.common_arguments(record))


@_handles("multiply")
def _multiply(context: BuildContext, record: Record) -> Layer:
    return keras.layers.Multiply(**context.common_arguments(record))


@_handles("dropout")
def _dropout(context: BuildContext, record: Record) -> Layer:
    return Dropout(record.settings["rate"], seed=context.layer_seed(record), **context.common_arguments(record))


@_handles("stochastic_depth")
def _stochastic_depth(context: BuildContext, record: Record) -> Layer:
    return StochasticDepth(record.settings["rate"], seed=context.layer_seed(record), **context.common_arguments(record))


__all__ = ["POLICIES", "BatchNorm", "BuildContext", "make_layer"]
