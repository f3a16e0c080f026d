"""The signatures that an exported model promises, with the name, type and shape of every input and output.

Written down from the spec, not read from the SavedModel, so that the proof has something to hold the SavedModel to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.plan import Plan
from kresnet.spec.architecture import Classifier, Spec

Shape = tuple[int | None, ...]

#: Channels that encoded images decode to.
DECODABLE_CHANNELS = (1, 3)

#: Every signature that an export can have, `serving_default` always first.
SIGNATURE_NAMES = ("serving_default", "image_bytes", "classify", "features")

#: Names of TF Serving for the APIs that a signature may be for.
PREDICT_METHOD, CLASSIFY_METHOD = "tensorflow/serving/predict", "tensorflow/serving/classify"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Type and shape of an input or output.

    Attributes:
        dtype: type as TensorFlow names it (`float32`, `int64`, `string`).
        shape: lengths of the dimensions; `None` stands for any length.
    """

    dtype: str
    shape: Shape

    def admits(self, other: TensorSpec) -> bool:
        """Return whether `other` is as declared here; it may fix a length that is free here, but the batch's."""
        same = (self.dtype, len(self.shape), self.shape[:1]) == (other.dtype, len(other.shape), other.shape[:1])
        return same and all(mine in (None, theirs) for mine, theirs in zip(self.shape, other.shape, strict=True))

    def __str__(self) -> str:
        return f"{self.dtype} ({', '.join('?' if length is None else str(length) for length in self.shape)})"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that an export promises.

    Attributes:
        inputs: the inputs by name.
        outputs: the outputs by name.
        method: API of TF Serving that the signature is for.
    """

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    method: str = PREDICT_METHOD

    @property
    def input(self) -> tuple[str, TensorSpec]:
        """Name and type of the only input."""
        [(name, tensor)] = self.inputs.items()
        return name, tensor

    def as_dict(self) -> dict[str, Any]:
        """Return the signature as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Signature:
        """Return the signature that `as_dict` wrote."""
        sides = {
            side: {name: TensorSpec(value["dtype"], tuple(value["shape"])) for name, value in values[side].items()}
            for side in ("inputs", "outputs")
        }
        return cls(**sides, method=values["method"])


def declare_signatures(
    spec: Spec, plan: Plan, model_outputs: Mapping[str, Shape], wanted: Sequence[str] | None = None
) -> dict[str, Signature]:
    """Return the signatures that an export of `spec` has.

    Args:
        spec: spec of the network.
        plan: plan of the network.
        model_outputs: name and shape of what the model returns; read only where the head is not a classifier.
        wanted: names of signatures beside `serving_default`; every one that the network can have, by default.

    Returns:
        `serving_default` (float32 images, or vectors); `image_bytes` (encoded images) where the network's input is an
        image of one or three channels; where the head is a classifier, `classify` (tf.Example, for Serving's Classify
        API) and `features` (the pooled vector that the logits are made of).

    Raises:
        KresnetError: `bad_option`, for each wanted signature that there is not.
    """
    signatures = {"serving_default": Signature(_tensor_input(spec), _outputs(spec, model_outputs))}
    if takes_encoded_images(spec):
        encoded = {"image_bytes": TensorSpec("string", (None,))}
        signatures["image_bytes"] = Signature(encoded, _outputs(spec, model_outputs))
    if isinstance(spec.head, Classifier):
        if example_feature(spec):
            scores = {"classes": "string", "scores": "float32"}
            outputs = {name: TensorSpec(dtype, (None, spec.head.classes)) for name, dtype in scores.items()}
            signatures["classify"] = Signature({"inputs": TensorSpec("string", (None,))}, outputs, CLASSIFY_METHOD)
        length = prod(plan.by_name[embedding_record(plan)].shape)
        signatures["features"] = Signature(_tensor_input(spec), {"features": TensorSpec("float32", (None, length))})
    if wanted is None:
        return signatures
    if problems := [_unknown_signature_problem(name, signatures) for name in wanted if name not in signatures]:
        raise KresnetError(problems)
    return {name: one for name, one in signatures.items() if name in ("serving_default", *wanted)}


def _unknown_signature_problem(name: str, signatures: Mapping[str, Signature]) -> Problem:
    known = name in SIGNATURE_NAMES
    message = f"The network cannot have the signature {name}." if known else f"There is no signature {name}."
    close = "" if known else nearest(name, list(signatures))
    return Problem("bad_option", message, expected=", ".join(signatures), found=name, nearest=close)


def _tensor_input(spec: Spec) -> dict[str, TensorSpec]:
    return {"image" if spec.input.is_image else "vector": TensorSpec("float32", input_batch_shape(spec))}


def _outputs(spec: Spec, model_outputs: Mapping[str, Shape]) -> dict[str, TensorSpec]:
    if not isinstance(spec.head, Classifier):
        return {name: TensorSpec("float32", shape) for name, shape in model_outputs.items()}
    scores = TensorSpec("float32", (None, spec.head.classes))
    return {
        "probabilities": scores,
        "class_id": TensorSpec("int64", (None,)),
        "label": TensorSpec("string", (None,)),
        "logits": scores,
    }


def require_class_names(spec: Spec, class_names: Sequence[str]) -> None:
    """Make sure that a classifier has a name for each class.

    Raises:
        KresnetError: `data_mismatch`.
    """
    if isinstance(spec.head, Classifier) and len(class_names) != spec.head.classes:
        counts = {"expected": f"{spec.head.classes} names", "found": f"{len(class_names)} names"}
        raise make_error("data_mismatch", "The class names do not match the network.", **counts)


def embedding_record(plan: Plan) -> str:
    """Return the name of the record that a classifier computes its logits from, passing over dropout."""
    record = plan.by_name[plan.by_name[plan.outputs["logits"]].inputs[0]]
    while record.kind == "dropout":
        record = plan.by_name[record.inputs[0]]
    return record.name


def example_feature(spec: Spec) -> str | None:
    """Return the feature of a tf.Example that `classify` reads: an image file, a vector of floats, or `None`."""
    if takes_encoded_images(spec):
        return "image_bytes"
    return None if spec.input.is_image else "vector"


def input_batch_shape(spec: Spec) -> Shape:
    """Return the shape of a batch: `(None, H, W, C)`, `(None, None, None, C)` for any size, or `(None, D)`."""
    if spec.input.any_size and spec.input.is_image:
        return (None, None, None, spec.input.shape[-1])
    return (None, *spec.input.shape)


def takes_encoded_images(spec: Spec) -> bool:
    """Return whether the network's input can be decoded from an image file."""
    return spec.input.is_image and spec.input.shape[-1] in DECODABLE_CHANNELS
