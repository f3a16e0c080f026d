"""Networks of keras.applications, imported: the same outputs and gradients, version 1 and 2, any depth; and MobileNets.

`python -m tests.weights.test_keras_applications [NAME...]` prints the largest differences, as in docs/weights.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.conversion import prepare_conversion
from kresnet.weights.convert import converted_model
from kresnet.weights.files.pixel_arithmetic import PixelMap
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.pretrained.keras_files import KERAS_FILES
from tests.weights.gradient_differences import gradient_difference, in_float64, outputs_and_gradients, relative

SIDE, CLASSES, IMAGES = 64, 10, 2
#: ConvNeXts are compared in a test of their own.
PEERS = [name for name in KERAS_FILES if not name.startswith("ConvNeXt")]
#: Those in the fast suite, where test_conversion.py has stages of ResNets; `make test-slow` has all.
FAST = ("MobileNetV2-0.35", "MobileNetV3Small-0.75")
#: What brings pixels to the numbers that networks expect which do not do it themselves.
PREPROCESSING = {"ResNet": "resnet", "MobileNetV2": "mobilenet_v2"}


def randomized(name: str, seed: int = 0):
    """The peer with weights of a seeded rule, its moving statistics too, so that nothing is at its initial value."""
    keras.backend.clear_session()
    network = KERAS_FILES[name]
    peer = getattr(keras.applications, network.model)(
        weights=None, input_shape=(SIDE, SIDE, 3), classes=CLASSES, classifier_activation=None, **network.arguments
    )
    random = np.random.default_rng(seed)
    pixels = [layer for layer in peer.layers if isinstance(layer, keras.layers.Normalization) and layer.weights]
    for weight in (weight for layer in peer.layers if layer not in pixels for weight in layer.weights):
        shape = tuple(weight.shape)
        if weight.name == "kernel":
            weight.assign(random.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(random.uniform(0.5, 1.5, shape))
        else:
            weight.assign(random.normal(0, 0.1, shape))
    for layer in pixels:  # as in Keras's own weights
        mean, variance, _ = layer.weights
        mean.assign([0.485, 0.456, 0.406])
        variance.assign(np.square([0.229, 0.224, 0.225]))
        layer.finalize_state()
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
        self.preprocessed = preprocessed(name, self.images.copy())
        changes = (f"input.shape=[{SIDE},{SIDE},3]", f"head.classes={CLASSES}", "input.resize={kind: stretch}")
        loaded = load_spec(KERAS_FILES[name].spec, changes)
        with open_weights(file) as source:
            prepared = prepare_conversion(loaded, plan_loaded(loaded), source)
            self.match, self.settings = prepared.match, prepared.carried.settings
            self.model = converted_model(prepared.carried.plan, self.match)
        pixels = prepared.computation.pixels or PixelMap.from_spec(loaded.value.input.pixels, 3)
        self.normalized = self.images[..., list(pixels.sources)] * pixels.scale + pixels.offset

    def differences(self) -> tuple[float, list[float]]:
        """In float32: the largest of outputs; and, image by image, of any weight's gradient."""
        ours = list(outputs_and_gradients(self.model, self.images, self.targets))
        theirs = list(outputs_and_gradients(self.peer, self.preprocessed, self.targets))
        outputs = max(relative(mine, other) for (mine, _), (other, _) in zip(ours, theirs, strict=True))
        return outputs, self._gradients(ours, theirs)

    def differences_in_float64(self, images: int) -> tuple[float, list[float]]:
        """The same in float64, on the first few images."""
        targets = self.targets[:images].astype(np.float64)
        normalized, preprocessed = (each[:images].astype(np.float64) for each in (self.normalized, self.preprocessed))
        ours = list(outputs_and_gradients(in_float64(self.model), normalized, targets))
        theirs = list(outputs_and_gradients(in_float64(self.peer), preprocessed, targets))
        outputs = max(relative(mine, other) for (mine, _), (other, _) in zip(ours, theirs, strict=True))
        return outputs, self._gradients(ours, theirs)

    def _gradients(self, ours: list, theirs: list) -> list[float]:
        return [
            gradient_difference(self.match, mine, other) for (_, mine), (_, other) in zip(ours, theirs, strict=True)
        ]


def preprocessed(name: str, images: np.ndarray) -> np.ndarray:
    """What a peer expects of images of bytes."""
    if name.startswith("ResNet") and name.endswith("V2"):
        return keras.applications.resnet_v2.preprocess_input(images)
    module = next((module for start, module in PREPROCESSING.items() if name.startswith(start)), None)
    return getattr(keras.applications, module).preprocess_input(images) if module else images


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in PEERS])
def test_outputs_and_gradients_equal_theirs(name, tmp_path):
    pair = Pair(name, tmp_path)
    assert pair.match.layout.name == "keras-applications"
    assert not pair.settings, "the shipped spec says all that the file does"
    outputs, gradients = pair.differences()
    assert outputs < 1e-4
    # Rounding alone makes 4.5e-4 of it in the 1,093 layers of EfficientNetV2L.
    assert min(gradients) < 1e-3, "a wrong weight, stride or padding is wrong in every image; a kink is not"
    outputs, gradients = pair.differences_in_float64(images=1)
    assert outputs < 1e-6
    assert max(gradients) < 1e-6


def main() -> None:
    """A line a network."""
    for name in sys.argv[1:] or PEERS:
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
