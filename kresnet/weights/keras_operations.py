"""Single operations of a Keras file: what they apply, by how much they pad, and which give back what they take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kresnet.weights.files.keras_graph import Operation, OperationGraph, activation_name

#: Layers that give back what they take, but in training.
ONLY_IN_TRAINING = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
    *("ActivityRegularization", "StochasticDepth", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"),
    *("RandomShear", "RandomPerspective", "RandomContrast", "RandomBrightness", "RandomHue", "RandomSaturation"),
    *("RandomSharpness", "RandomColorJitter", "RandomGrayscale", "RandomColorDegeneration", "RandomPosterization"),
    *("RandomInvert", "RandomErasing", "RandomGaussianBlur", "RandomElasticTransform"),
    *("CutMix", "MixUp", "AugMix", "RandAugment"),
)
_WITHOUT_EFFECT = ("Identity", "Cast", *ONLY_IN_TRAINING)
_RESIZING = ("Resizing", "CenterCrop", "RandomCrop")
PADDING = ("ZeroPadding2D", "SymmetricPad")
ADDITIONS, PRODUCTS = ("Add",), ("Multiply",)
POOLS = {"MaxPooling2D": "max", "AveragePooling2D": "average"}
GLOBAL_POOLS = {"GlobalMaxPooling2D": "max", "GlobalAveragePooling2D": "average"}
_ACTIVATIONS = {"ReLU": "relu", "Relu": "relu", "Softmax": "softmax", "Sigmoid": "sigmoid", "Silu": "silu"}
_ACTIVATIONS |= {"Gelu": "gelu", "Elu": "elu", "ELU": "elu", "Tanh": "tanh"}
#: Settings with which an activation layer is the function of its name.
_PLAIN_SETTINGS = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0, "alpha": 1.0, "axis": -1}


def is_identity(operation: Operation) -> bool:
    """Whether an operation gives back what it takes."""
    return operation.kind in _WITHOUT_EFFECT or applied_function(operation) == "linear"


def applied_function(operation: Operation) -> str:
    """Return the name of the function that an activation applies, its settings included; empty for other kinds."""
    if operation.kind == "Activation":
        return activation_name(operation.settings.get("activation"))
    if operation.kind not in _ACTIVATIONS:
        return ""
    differing = {
        name: operation.settings[name]
        for name, plain in _PLAIN_SETTINGS.items()
        if name in operation.settings and operation.settings[name] not in (plain, None)
    }
    name = _ACTIVATIONS[operation.kind]
    if differing == {"max_value": 6.0} and name == "relu":
        return "relu6"
    return f"{name} with " + ", ".join(f"{key} {value}" for key, value in differing.items()) if differing else name


def keeps_size(operation: Operation, graph: OperationGraph) -> bool:
    """Whether a layer that resizes gives back images of the size that enters the network."""
    if operation.kind not in _RESIZING:
        return False
    before = graph.input_of(operation)
    while before and before.kind != "InputLayer":
        before = graph.input_of(before)
    shape = (before.settings.get("batch_shape") if before else None) or ()
    return list(shape[1:3]) == [operation.settings.get("height"), operation.settings.get("width")]


def operation_text(operation: Operation) -> str:
    """Return what an operation is, in words."""
    function = applied_function(operation)
    return f"the function {function}" if function else f"a {operation.kind}"


def constant_operand(operation: Operation, kinds: Sequence[str]) -> float | None:
    """Return the number that an operation of these kinds takes beside its one operand; None for other operations."""
    numbers = [each for each in operation.arguments if isinstance(each, int | float) and not isinstance(each, bool)]
    return float(numbers[0]) if operation.kind in kinds and len(numbers) == 1 and len(operation.inputs) == 1 else None


def padding_side(operation: Operation) -> int:
    """Return by how much a layer pads each side; -1 where the sides differ."""
    value = operation.settings.get("padding", operation.settings.get("side"))
    numbers = {each for pair in value for each in (pair if isinstance(pair, list | tuple) else [pair])} if isinstance(
        value, list | tuple
    ) else {value}  # fmt: skip
    return numbers.pop() if len(numbers) == 1 else -1


def single_value(value: Any) -> Any:
    """Return the number that a window's setting has for both axes."""
    return value[0] if isinstance(value, list | tuple) and len(set(value)) == 1 else value


__all__ = [
    "ADDITIONS",
    "GLOBAL_POOLS",
    "ONLY_IN_TRAINING",
    "PADDING",
    "POOLS",
    "PRODUCTS",
    "applied_function",
    "constant_operand",
    "is_identity",
    "keeps_size",
    "operation_text",
    "padding_side",
    "single_value",
]
