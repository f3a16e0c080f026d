"""How far one training step in float32 is from the same step in float64: the table of docs/batch-norm.md.

python docs/figures/measure_rounding.py [NETWORK] [BATCH]

A batch of the embedded images, initial weights, training mode, mean cross-entropy. Kernels are the fused norm's,
Keras's own, and the fused one's on two logical devices that share their statistics.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from kresnet.runtime import import_tensorflow


def main(name: str = "quickstart", batch: str = "64") -> None:
    import_tensorflow()
    import keras
    import tensorflow as tf

    import kresnet
    from kresnet.data.embedded import read_embedded
    from kresnet.graph import build_model
    from kresnet.graph.layers import FusedBatchNorm

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    arrays = read_embedded()
    images, labels = arrays["train_images"][: int(batch)].astype(np.float32), arrays["train_labels"][: int(batch)]
    network = kresnet.load(name, {"norm": {"kind": "batch", "synchronized": True}})
    pixels = network.plan().by_name["normalize"].settings
    inputs = (images / 255.0 - pixels["mean"][0]) / pixels["std"][0]

    def measured(model: Any, x: Any, y: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(y, tf.int32), logits)
            loss = tf.reduce_sum(losses) / len(labels)
        return loss, tape.gradient(loss, [weight.value for weight in model.trainable_variables])

    def on_one(model: Any, x: Any) -> tuple[float, list[np.ndarray]]:
        loss, gradients = tf.function(lambda: measured(model, x, labels))()
        return float(loss), [np.asarray(each) for each in gradients]

    def on_two() -> tuple[float, list[np.ndarray]]:
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            model = build_model(network.plan())
        half = len(labels) // 2
        parts = [
            strategy.experimental_distribute_values_from_function(
                lambda context, each=each: tf.constant(np.split(each, [half])[context.replica_id_in_sync_group])
            )
            for each in (images, labels)
        ]
        per_replica = tf.function(lambda: strategy.run(lambda x, y: measured(model, x, y), parts))()
        add = lambda value: strategy.reduce("SUM", value, axis=None).numpy()  # noqa: E731 - a name for a phrase
        return float(add(per_replica[0])), [add(each) for each in per_replica[1]]

    def copied(layer: Any) -> Any:
        if layer.name == "normalize":
            return keras.layers.Identity(name=layer.name, dtype="float64")
        kind = keras.layers.BatchNormalization if isinstance(layer, FusedBatchNorm) else type(layer)
        return kind.from_config(layer.get_config() | {"dtype": "float64"})

    model = build_model(network.plan())
    start = keras.Input(model.inputs[0].shape[1:], dtype="float64")
    single = build_model(kresnet.load(name).plan())  # whose norms are of one device
    exact_model = keras.models.clone_model(single, input_tensors=start, clone_function=copied)
    exact_model.set_weights(model.get_weights())
    exact_loss, exact = on_one(exact_model, inputs.astype(np.float64))
    stock = build_model(kresnet.load(name).plan(), batch_norm=keras.layers.BatchNormalization)
    results = {"fused": on_one(model, images), "Keras": on_one(stock, images), "fused, two devices": on_two()}
    print("| | loss | gradients, median weight | worst weight |\n|---|---|---|---|")
    for kind, (loss, gradients) in results.items():
        apart = [np.abs(a - b).max() / np.abs(b).max() for a, b in zip(gradients, exact, strict=True)]
        print(f"| {kind} | {abs(loss / exact_loss - 1):.0e} | {np.median(apart):.0e} | {max(apart):.1%} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
