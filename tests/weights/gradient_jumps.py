"""Where two float32 gradients of one network differ by percents: does float64's own gradient jump there too?

`python -m tests.weights.gradient_jumps` compares kresnet's and Keras's float32 with Keras's float64, image by image.
Then it moves each image by noise of a millionth and shows how far float64's gradient follows. docs/weights.md quotes
what it prints.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np

from kresnet.weights.convert import converted_model
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import WeightMatch, match_weights
from kresnet.weights.mismatch import require_match
from kresnet.weights.pretrained.keras_files import KERAS_FILES
from tests.golden.regenerate import plan_of
from tests.weights.gradient_differences import Gradients, gradient_difference, outputs_and_gradients, relative
from tests.weights.test_keras_applications import CLASSES, IMAGES, SIDE, randomized

NAME = "ResNet101V2"
NOISE = (1e-6, 1e-6, 1e-6, 1e-6)


def converted(peer: keras.Model, file: str) -> tuple[keras.Model, WeightMatch]:
    """The peer as kresnet's model, and how it was matched."""
    peer.save(file)
    size = (f"input.shape=[{SIDE},{SIDE},3]", f"head.classes={CLASSES}", "input.resize={kind: stretch}")
    plan = plan_of(KERAS_FILES[NAME].spec, *size)
    with open_weights(Path(file)) as source:
        found = require_match(match_weights(plan, source), plan)
        return converted_model(plan, found), found


def largest(ours: Gradients, theirs: Gradients) -> str:
    """The largest relative difference, and whose gradient it is."""
    differences = {name: relative(ours[name], theirs[name]) for name in theirs}
    name = max(differences, key=lambda each: differences[each])
    return f"{differences[name]:.1e} in {name}"


def main() -> None:
    """A line an image."""
    peer = randomized(NAME)
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (IMAGES, SIDE, SIDE, 3)).astype(np.float32)
    targets = random.normal(size=(IMAGES, CLASSES)).astype(np.float32)
    inputs = keras.applications.resnet_v2.preprocess_input(images.copy())
    with tempfile.TemporaryDirectory() as folder:
        model, found = converted(peer, f"{folder}/peer.keras")
    ours = list(outputs_and_gradients(model, images, targets))
    theirs = list(outputs_and_gradients(peer, inputs, targets))
    keras.config.set_dtype_policy("float64")
    size = {"weights": None, "input_shape": (SIDE, SIDE, 3), "classes": CLASSES, "classifier_activation": None}
    exact = getattr(keras.applications, NAME)(**size)
    exact.set_weights(peer.get_weights())
    for index in range(IMAGES):
        image, target = inputs[index].astype(np.float64), targets[index].astype(np.float64)
        noise = np.random.default_rng(3)
        moved = np.stack([image, *(image + scale * noise.normal(size=image.shape) for scale in NOISE)])
        (_, there), *near = outputs_and_gradients(exact, moved, np.repeat(target[None], len(moved), 0))
        print(f"image {index + 1}: kresnet {gradient_difference(found, ours[index][1], there):.1e},", end=" ")
        print(f"Keras {largest(theirs[index][1], there)};", end=" ")
        print("float64 moved:", ", ".join(largest(gradients, there) for _, gradients in near), flush=True)


if __name__ == "__main__":
    main()
