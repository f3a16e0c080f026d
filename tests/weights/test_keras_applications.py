"""Networks of keras.applications, imported: the same outputs and gradients, version 1 and 2, any depth.

`python -m tests.weights.test_keras_applications` prints the largest differences, as in docs/weights.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.weights.convert import converted_model
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.golden.regenerate import plan_of
from tests.weights.gradient_differences import gradient_difference, in_float64, outputs_and_gradients, relative

PEERS = {
    "ResNet50": "resnet50_keras",
    "ResNet50V2": "resnet50_v2_keras",
    "ResNet101": "resnet101_keras",
    "ResNet101V2": "resnet101_v2_keras",
    "ResNet152": "resnet152_keras",
    "ResNet152V2": "resnet152_v2_keras",
}
SIDE, CLASSES, IMAGES = 64, 10, 2


def randomized(name: str, seed: int = 0):
    """The peer with weights of a seeded rule, its moving statistics too, so that nothing is at its initial value."""
    keras.backend.clear_session()
    peer = getattr(keras.applications, name)(
        weights=None, input_shape=(SIDE, SIDE, 3), classes=CLASSES, classifier_activation=None
    )
    random = np.random.default_rng(seed)
    for weight in peer.weights:
        shape = tuple(weight.shape)
        if weight.name == "kernel":
            weight.assign(random.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(random.uniform(0.5, 1.5, shape))
        else:
            weight.assign(random.normal(0, 0.1, shape))
    return peer


class Pair:
    """A peer, the same network imported by kresnet, images for both, and how the weights correspond."""

    def __init__(self, name: str, folder: Path) -> None:
        self.peer = randomized(name)
        file = folder / f"{name}.keras"
        self.peer.save(file)
        random = np.random.default_rng(1)
        self.images = random.integers(0, 256, (IMAGES, SIDE, SIDE, 3)).astype(np.float32)
        self.targets = random.normal(size=(IMAGES, CLASSES)).astype(np.float32)
        preprocess = keras.applications.resnet_v2 if name.endswith("V2") else keras.applications.resnet
        self.preprocessed = preprocess.preprocess_input(self.images.copy())
        plan = plan_of(
            PEERS[name], f"input.shape=[{SIDE},{SIDE},3]", f"head.classes={CLASSES}", "input.resize={kind: stretch}"
        )
        with open_weights(file) as source:
            self.match = require_match(match_weights(plan, source), plan)
            self.model = converted_model(plan, self.match)

    def differences(self) -> tuple[float, list[float]]:
        """In float32: the largest of outputs; and, image by image, of any weight's gradient."""
        ours = list(outputs_and_gradients(self.model, self.images, self.targets))
        theirs = list(outputs_and_gradients(self.peer, self.preprocessed, self.targets))
        outputs = max(relative(mine, other) for (mine, _), (other, _) in zip(ours, theirs, strict=True))
        return outputs, self._gradients(ours, theirs)

    def differences_in_float64(self, images: int) -> tuple[float, list[float]]:
        """The same in float64, on the first few images."""
        inputs, targets = self.preprocessed[:images].astype(np.float64), self.targets[:images].astype(np.float64)
        ours = list(outputs_and_gradients(in_float64(self.model), inputs, targets))
        theirs = list(outputs_and_gradients(in_float64(self.peer), inputs, targets))
        outputs = max(relative(mine, other) for (mine, _), (other, _) in zip(ours, theirs, strict=True))
        return outputs, self._gradients(ours, theirs)

    def _gradients(self, ours: list, theirs: list) -> list[float]:
        return [
            gradient_difference(self.match, mine, other) for (_, mine), (_, other) in zip(ours, theirs, strict=True)
        ]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "ResNet50")) for name in PEERS]
)
def test_outputs_and_gradients_equal_theirs(name, tmp_path):
    pair = Pair(name, tmp_path)
    assert pair.match.layout.name == "keras-applications"
    outputs, gradients = pair.differences()
    assert outputs < 1e-4
    assert min(gradients) < 1e-4, "a wrong weight, stride or padding is wrong in every image; a kink is not"
    outputs, gradients = pair.differences_in_float64(images=1)
    assert outputs < 1e-6
    assert max(gradients) < 1e-6


def main() -> None:
    """A line a network."""
    for name in PEERS:
        with tempfile.TemporaryDirectory() as folder:
            pair = Pair(name, Path(folder))
        for label, (outputs, gradients) in (
            ("float32", pair.differences()),
            ("float64", pair.differences_in_float64(IMAGES)),
        ):
            shown = " ".join(f"{each:.1e}" for each in gradients)
            print(f"{name:12} {label}  outputs {outputs:.1e}  gradients, image by image {shown}", flush=True)


if __name__ == "__main__":
    main()
