"""What an exported model promises: its signatures, with the name, type and shape of every input and output.

Written down from the spec, not read from the SavedModel, so that the proof has something to hold the SavedModel to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kresnet.spec.architecture import Classifier, Spec

Shape = tuple[int | None, ...]

#: Channels that encoded images decode to.
DECODABLE_CHANNELS = (1, 3)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A type as TensorFlow names it (`float32`, `int64`, `string`), and a shape whose `None` may be any length."""

    dtype: str
    shape: Shape

    def admits(self, other: Tensor) -> bool:
        """Whether `other` is as declared here: it may know a length that is free here, but not that of the batch."""
        same = (self.dtype, len(self.shape), self.shape[:1]) == (other.dtype, len(other.shape), other.shape[:1])
        return same and all(mine in (None, theirs) for mine, theirs in zip(self.shape, other.shape, strict=True))

    def __str__(self) -> str:
        return f"{self.dtype} ({', '.join('?' if length is None else str(length) for length in self.shape)})"


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def as_dict(self) -> dict[str, Any]:
        """The signature as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Signature:
        """The signature that `as_dict` wrote."""
        sides = {
            side: {name: Tensor(value["dtype"], tuple(value["shape"])) for name, value in values[side].items()}
            for side in ("inputs", "outputs")
        }
        return cls(**sides)


def contract(spec: Spec, model_outputs: Mapping[str, Shape]) -> dict[str, Signature]:
    """The signatures that an export of `spec` has.

    Args:
        spec: the network.
        model_outputs: name and shape of what the model returns; read only where the head is not a classifier.

    Returns:
        `serving_default` (float32 images, or vectors), and `image_bytes` (encoded images) where the network's input
        is an image of one or three channels.
    """
    if isinstance(spec.head, Classifier):
        scores = Tensor("float32", (None, spec.head.classes))
        outputs = {
            "probabilities": scores,
            "class_id": Tensor("int64", (None,)),
            "label": Tensor("string", (None,)),
            "logits": scores,
        }
    else:
        outputs = {name: Tensor("float32", shape) for name, shape in model_outputs.items()}
    name = "image" if spec.input.is_image else "vector"
    signatures = {"serving_default": Signature({name: Tensor("float32", request_shape(spec))}, outputs)}
    if takes_encoded_images(spec):
        signatures["image_bytes"] = Signature({"image_bytes": Tensor("string", (None,))}, outputs)
    return signatures


def request_shape(spec: Spec) -> Shape:
    """The shape of a batch of inputs: `(None, H, W, C)`, `(None, None, None, C)` for any size, or `(None, D)`."""
    if spec.input.any_size and spec.input.is_image:
        return (None, None, None, spec.input.shape[-1])
    return (None, *spec.input.shape)


def takes_encoded_images(spec: Spec) -> bool:
    """Whether the network's input can be decoded from an image file."""
    return spec.input.is_image and spec.input.shape[-1] in DECODABLE_CHANNELS
