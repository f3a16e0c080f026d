"""The functions of an exported model's signatures, which TensorFlow traces.

Each function calls the model with `training=False`, so that neither augmentation nor dropout is active; returns a
dictionary, so that no output is named `output_0`; and states the shape it takes with `tf.ensure_shape`, because the
server never compares a request's shape with the signature, and a wrong rank would reach a oneDNN check that aborts the
process (tensorflow/tensorflow#111453).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from kresnet.export.served_network import ServedNetwork
from kresnet.export.signature_contract import Shape, Signature, example_feature, input_batch_shape
from kresnet.spec.architecture import Classifier, Spec

Outputs = dict[str, tf.Tensor]


@dataclass(frozen=True, slots=True)
class SignatureFunction:
    """The function of a signature.

    Attributes:
        function: maps one tensor to outputs by name.
        input: name, type and shape of that tensor.
    """

    function: Callable[[tf.Tensor], Outputs]
    input: tf.TensorSpec


def make_signature_functions(
    network: ServedNetwork,
    spec: Spec,
    class_names: tuple[str, ...],
    signatures: dict[str, Signature],
    temperatures: Sequence[float] | None = None,
) -> dict[str, SignatureFunction]:
    """Return the functions that keep the promise of `signatures` (`kresnet.export.signature_contract`).

    Args:
        network: the network that answers.
        spec: spec of the network.
        class_names: a name for each class, in order; read only where the head is a classifier.
        signatures: the signatures that are promised.
        temperatures: what a classifier's logits are divided by before they become probabilities, one number or one for
            each label; None to take them as they are. The logits that are served stay as the network makes them.
    """
    shape = input_batch_shape(spec)
    # Traced once: the signatures call one function, and the graph holds the network once.
    shared = tf.function(network.function, input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False)
    if isinstance(spec.head, Classifier):
        answer = _with_class_labels(shared, spec.head, class_names, temperatures)
    else:
        answer = shared

    def tensor(values: tf.Tensor) -> Outputs:
        return _chosen(answer(_require_shape(values, shape)))

    def encoded(values: tf.Tensor) -> Outputs:
        return _chosen(answer(decode_images(_require_shape(values, (None,)), spec)))

    def classify(examples: tf.Tensor) -> Outputs:
        return _rank_classes(
            answer(_parse_examples(_require_shape(examples, (None,)), spec))["probabilities"], class_names
        )

    def features(values: tf.Tensor) -> Outputs:
        return {"features": tf.cast(shared(_require_shape(values, shape))["features"], tf.float32)}

    def _chosen(outputs: Outputs) -> Outputs:
        return {name: outputs[name] for name in signatures["serving_default"].outputs}

    functions = {"serving_default": tensor, "image_bytes": encoded, "classify": classify, "features": features}
    return {name: SignatureFunction(functions[name], _input_spec(signature)) for name, signature in signatures.items()}


def _input_spec(signature: Signature) -> tf.TensorSpec:
    name, tensor = signature.input
    return tf.TensorSpec(tensor.shape, tensor.dtype, name)


def _require_shape(values: tf.Tensor, shape: Shape) -> tf.Tensor:
    """`values`, or INVALID_ARGUMENT where they are not of `shape` or there are none (oneDNN takes no empty batch)."""
    values = tf.ensure_shape(values, shape)
    told = ["The request is empty: send at least one row."]
    # The bare operation: `tf.debugging` would wrap it in a conditional of a dozen operations.
    some = tf.raw_ops.Assert(condition=tf.size(values) > 0, data=told)
    with tf.control_dependencies([some]):
        return tf.identity(values)


def decode_images(encoded: tf.Tensor, spec: Spec) -> tf.Tensor:
    """Image files (N,) of any sizes -> float32 `(N, H, W, C)`, values 0-255, decoded and resized as evaluation does.

    Each is decoded and resized on its own, so that a batch may mix sizes; one that declares more than
    `kresnet.data.image_limits.MAX_PIXELS` is refused before memory is taken for it.
    """
    from kresnet.data.image_limits import require_pixel_limit
    from kresnet.data.images import decode

    image = tf.TensorSpec(spec.input.shape, tf.uint8)
    images = tf.map_fn(lambda one: decode(require_pixel_limit(one), spec.input), encoded, fn_output_signature=image)
    return tf.cast(images, tf.float32)


def _parse_examples(examples: tf.Tensor, spec: Spec) -> tf.Tensor:
    """Serialised tf.Examples (N,) -> what the network takes, float32."""
    feature = example_feature(spec)
    if feature == "vector":
        layout = {feature: tf.io.FixedLenFeature(spec.input.shape, tf.float32)}
        return tf.io.parse_example(examples, layout)[feature]
    return decode_images(tf.io.parse_example(examples, {feature: tf.io.FixedLenFeature((), tf.string)})[feature], spec)


def _rank_classes(probabilities: tf.Tensor, class_names: tuple[str, ...]) -> Outputs:
    """Every class with its score, the likeliest first, as Serving's Classify API gives them."""
    scores, order = tf.math.top_k(probabilities, k=len(class_names))
    return {"classes": tf.gather(tf.constant(class_names), order), "scores": scores}


def _with_class_labels(
    network: Callable[[tf.Tensor], Outputs],
    head: Classifier,
    class_names: tuple[str, ...],
    temperatures: Sequence[float] | None,
) -> Callable[[tf.Tensor], Outputs]:
    def answer(images: tf.Tensor) -> Outputs:
        logits = tf.cast(network(images)["logits"], tf.float32)  # (N, classes)
        scaled = scale_logits(logits, temperatures)
        class_id = tf.argmax(scaled, axis=-1, output_type=tf.int64)  # (N,)
        return {
            "probabilities": tf.sigmoid(scaled) if head.multi_label else tf.nn.softmax(scaled),
            "class_id": class_id,
            "label": tf.gather(tf.constant(class_names), class_id),
            "logits": logits,
        }

    return answer


def scale_logits(logits: tf.Tensor, temperatures: Sequence[float] | None) -> tf.Tensor:
    """Return logits divided by temperatures, one for all or one for each label; as they are where there are none."""
    return logits if temperatures is None else logits / tf.constant(temperatures, tf.float32)
