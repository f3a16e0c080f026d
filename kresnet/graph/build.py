"""Compile a plan to a Keras functional model: one handler for each kind of record."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import keras
from keras.layers import Layer

from kresnet.graph.initializers import make_initializer
from kresnet.graph.layers import (
    BlurPool2D,
    Conv2D,
    DilatedAveragePooling,
    Dropout,
    FusedBatchNorm,
    IdentityPad,
    MaxPooling2D,
    NormalizePixels,
    StochasticDepth,
    StridedPad,
    SymmetricPad,
)
from kresnet.graph.recursion import room_for_recursion
from kresnet.graph.stock import stock_output
from kresnet.graph.verify import verify_model
from kresnet.plan import Plan, Record

Handler = Callable[["BuildContext", Record], Layer]
BatchNorm = type[keras.layers.BatchNormalization]
HANDLERS: dict[str, Handler] = {}

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


class BuildContext:
    """What handlers need beside the record: the compute type, the seed of weights and dropout, the kind of norms."""

    def __init__(self, plan: Plan, precision: str, seed: int, batch_norm: BatchNorm) -> None:
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


def build_model(
    plan: Plan,
    *,
    precision: str = "float32",
    seed: int = 0,
    batch_norm: BatchNorm = FusedBatchNorm,
    stock: bool = False,
) -> keras.Model:
    """Build the network of a plan as a functional Keras model.

    Args:
        plan: the network.
        precision: `float32`, `bfloat16` or `float16`, of activations and products; weights are float32.
        seed: of initial weights and dropout.
        batch_norm: the layer that batch norms become; another than the default serves to examine it.
        stock: make it of Keras's own layers alone, slower, with the same weights: this is what a `.keras` file holds.

    Returns:
        A model that takes float32 RGB values 0-255 `(N, H, W, C)`, or vectors `(N, length)`, and returns float32:
        logits `(N, classes)`, one output, or a dictionary of feature maps.

    Raises:
        KresnetError: `graph_mismatch` if the model differs from the plan, which is a bug of kresnet.
    """
    context = BuildContext(plan, precision, seed, batch_norm)
    tensors: dict[str, Any] = {}
    for record in plan.records:
        if record.kind == "input":
            shape = (None, None, record.shape[-1]) if record.settings["any_size"] else record.shape
            tensors[record.name] = keras.Input(shape, name=record.name, dtype="float32")
            continue
        inputs = [tensors[name] for name in record.inputs]
        layer, arguments = HANDLERS[record.kind](context, record), inputs[0] if len(inputs) == 1 else inputs
        tensors[record.name] = stock_output(layer, arguments) if stock else layer(arguments)
    outputs = {name: tensors[record] for name, record in plan.outputs.items()}
    single = next(iter(outputs.values())) if len(outputs) == 1 else None
    with room_for_recursion(len(plan.records)):
        model = keras.Model(tensors["input"], outputs if single is None else single, name=plan.name)
    verify_model(model, plan)
    return model


def _handles(kind: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


@_handles("normalize")
def _normalize(context: BuildContext, record: Record) -> Layer:
    return NormalizePixels(**record.settings, **context.common_arguments(record))


@_handles("conv")
def _conv(context: BuildContext, record: Record) -> Layer:
    settings = record.settings
    return Conv2D(
        record.shape[-1],
        settings["kernel"],
        strides=settings["stride"],
        padding=settings["padding"],
        dilation_rate=settings["dilation"],
        groups=settings["groups"],
        **context.kernel_arguments(record),
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
    common = {"epsilon": settings["epsilon"], "gamma_initializer": gamma, **context.common_arguments(record)}
    match settings["kind"]:
        case "batch":
            return context.batch_norm(momentum=settings["momentum"], synchronized=settings["synchronized"], **common)
        case "group":
            return keras.layers.GroupNormalization(settings["groups"], **common)
        case _:
            return keras.layers.LayerNormalization(**common)


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
