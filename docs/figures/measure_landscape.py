"""How well the gradient foretells a step, with and without batch norm: the table of docs/papers.md.

python docs/figures/measure_landscape.py [STEPS]

Santurkar et al. 2018 (arXiv:1805.11604), section 3.1 and Fig. 4, on the images that ship with kresnet: a plain network
is trained by SGD, and every tenth step looks along its own gradient, as far as four times the step that it then takes.
"""

import statistics
import sys
from collections.abc import Iterator
from typing import Any

from kresnet.runtime import import_tensorflow

LEARNING_RATE, BATCH, EVERY = 0.1, 128, 10
#: How far to look, in steps (the paper: from a half to four).
DISTANCES = (0.5, 1.0, 2.0, 3.0, 4.0)


def main(steps: int = 200) -> None:
    import_tensorflow()
    for norm in ("batch", "none"):
        columns = zip(*landscape(norm, steps), strict=True)
        spread, turn, smoothness = (statistics.median(column) for column in columns)
        print(
            f"norm {norm:5}  losses along the step differ by {spread:.2f} of the loss,  "
            f"the gradient turns by {turn:.2f} of its length,  changes by {smoothness:.1f} a unit of distance"
        )


def landscape(norm: str, steps: int) -> Iterator[tuple[float, float, float]]:
    """Of every tenth step: range of losses over the loss, turn of the gradient, its change over the distance."""
    import tensorflow as tf

    from kresnet.data import embedded
    from kresnet.graph import build_model
    from kresnet.plan import plan_loaded
    from kresnet.spec.loading import load_spec

    plan = plan_loaded(load_spec("quickstart", ["block.shortcut=none", f"norm={{kind: {norm}}}"]))
    model = build_model(plan, seed=0)
    weights = model.trainable_variables
    arrays = embedded.read_embedded()
    batches = (
        tf.data.Dataset.from_tensor_slices((arrays["train_images"], arrays["train_labels"]))
        .shuffle(len(arrays["train_labels"]), seed=0)
        .repeat()
        .batch(BATCH)
    )

    @tf.function
    def loss_and_gradient(images: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = model(tf.cast(images, tf.float32), training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(labels, tf.int32), logits)
            loss = tf.reduce_mean(losses)
        return loss, tape.gradient(loss, weights)

    def length(vectors: Any) -> float:
        return float(tf.linalg.global_norm(vectors))

    def move(start: Any, direction: Any, distance: float) -> None:
        for weight, value, slope in zip(weights, start, direction, strict=True):
            weight.assign(value - distance * slope)

    for step, (images, labels) in enumerate(batches.take(steps)):
        loss, gradient = loss_and_gradient(images, labels)
        here = [tf.identity(weight) for weight in weights]
        if step % EVERY == 0:
            losses, turns, changes = [], [], []
            for distance in DISTANCES:
                move(here, gradient, distance * LEARNING_RATE)
                there, other = loss_and_gradient(images, labels)
                change = length([a - b for a, b in zip(other, gradient, strict=True)])
                losses.append(float(there))
                turns.append(change / length(gradient))
                changes.append(change / (distance * LEARNING_RATE * length(gradient)))
            yield (max(losses) - min(losses)) / float(loss), max(turns), max(changes)
        move(here, gradient, LEARNING_RATE)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
