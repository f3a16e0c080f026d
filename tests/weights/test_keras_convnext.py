"""ConvNeXts of keras.applications, imported: the same parameters, outputs and gradients.

`python -m tests.weights.test_keras_convnext [MODEL...]` prints the largest differences, as in docs/weights.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.applications.convnext import ConvNeXt

from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.conversion import prepare_conversion
from kresnet.weights.convert import converted_model
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.pretrained.keras_files import KERAS_FILES
from tests.golden.regenerate import plan_of
from tests.weights.gradient_differences import gradient_difference, outputs_and_gradients, relative

SIDE, CLASSES, IMAGES = 64, 10, 2
MODELS = {name: file.spec for name, file in KERAS_FILES.items() if name.startswith("ConvNeXt")}
SMALL = {"stem.width": 16, "stochastic_depth": 0.0} | {
    f"stages.{index}.{key}": value
    for index, (width, blocks) in enumerate(zip((16, 32, 48, 64), (1, 1, 2, 1), strict=True))
    for key, value in (("width", width), ("blocks", blocks))
}


def randomized(peer: keras.Model) -> keras.Model:
    """The peer with weights of a seeded rule, so that nothing is at its initial value."""
    random = np.random.default_rng(0)
    for weight in peer.weights:
        shape = tuple(weight.shape)
        if weight.name == "kernel":
            weight.assign(random.normal(0, (1 / np.prod(shape[:-1])) ** 0.5, shape))
        elif weight.name in ("gamma", "variable"):
            weight.assign(random.uniform(0.5, 1.5, shape))
        else:
            weight.assign(random.normal(0, 0.1, shape))
    return peer


def differences(peer: keras.Model, spec: str, overrides: dict[str, Any], file: Path) -> tuple[float, list[float]]:
    """The largest of the outputs; and, image by image, of any weight's gradient."""
    randomized(peer).save(file)
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (IMAGES, SIDE, SIDE, 3)).astype(np.float32)
    targets = random.normal(size=(IMAGES, CLASSES)).astype(np.float32)
    sizes = {"input.shape": [SIDE, SIDE, 3], "head.classes": CLASSES, "input.resize": {"kind": "stretch"}}
    loaded = load_spec(spec, sizes | overrides)
    with open_weights(file) as source:
        prepared = prepare_conversion(loaded, plan_loaded(loaded), source)
        model = converted_model(prepared.carried.plan, prepared.match)
    assert prepared.match.layout.name == "keras-applications"
    assert prepared.computation.pixels is not None, "what it makes of pixels is read, and is the spec's"
    theirs = list(outputs_and_gradients(peer, images, targets))
    ours = list(outputs_and_gradients(model, images, targets))
    pairs = list(zip(ours, theirs, strict=True))
    outputs = max(relative(mine, other) for (mine, _), (other, _) in pairs)
    return outputs, [gradient_difference(prepared.match, mine, other) for (_, mine), (_, other) in pairs]


def made(name: str) -> keras.Model:
    keras.backend.clear_session()
    return getattr(keras.applications, name)(
        weights=None, input_shape=(SIDE, SIDE, 3), classes=CLASSES, classifier_activation=None
    )


def test_a_small_one_is_imported_and_equal(tmp_path):
    peer = ConvNeXt(
        depths=[1, 1, 2, 1],
        projection_dims=[16, 32, 48, 64],
        name="convnext_of_mine",
        input_shape=(SIDE, SIDE, 3),
        classes=CLASSES,
        classifier_activation=None,
    )
    outputs, gradients = differences(peer, "convnext_tiny", SMALL, tmp_path / "small.keras")
    assert outputs < 1e-5
    assert max(gradients) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_size_is_imported_and_equal(name, tmp_path):
    peer = made(name)
    assert plan_of(MODELS[name], f"head.classes={CLASSES}").trainable == peer.count_params()
    outputs, gradients = differences(peer, MODELS[name], {}, tmp_path / "model.keras")
    assert outputs < 1e-4
    assert min(gradients) < 1e-4


def main() -> None:
    """A line a network."""
    for name in sys.argv[1:] or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            outputs, gradients = differences(made(name), MODELS[name], {}, Path(folder) / "model.keras")
        shown = " ".join(f"{each:.1e}" for each in gradients)
        print(f"{name:14} outputs {outputs:.1e}  gradients, image by image {shown}", flush=True)


if __name__ == "__main__":
    main()
