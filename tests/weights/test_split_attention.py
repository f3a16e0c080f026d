"""The block of docs/extensions.md, as it stands there, against timm's `resnest14d` with weights by rule."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.graph import build_model
from kresnet.plan import Plan, plan_loaded
from kresnet.spec.blocks import Block
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import load_model, set_weights, write_model
from kresnet.weights.files.tensor import to_parameter
from tests.docs.markdown import ROOT, blocks, run
from tests.installed import on_path
from tests.weights.gradient_differences import relative
from tests.weights.reference import rule
from tests.weights.reference.timm_cases import CLASSES, IMAGES, SIDE, digest
from tests.weights.test_timm_logits import tensors

REFERENCE = np.load(Path(__file__).parent / "reference" / "split_attention.npz")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page's spec, beside its modules, which are imported."""
    folder = tmp_path_factory.mktemp("page")
    for block in blocks((ROOT / "docs" / "extensions.md").read_text()):
        if block.text.startswith(("# resnest_", "# resnest14")):
            run(block, folder)
    with on_path(folder):
        importlib.import_module("resnest_blocks")
        yield folder / "resnest14.yaml"
        Block.kinds.forget("split_attention")


@pytest.fixture(scope="module")
def plan(spec: Path) -> Plan:
    small = {"input.shape": [SIDE, SIDE, 3], "head.classes": CLASSES, "published": [],
             "input.pixels": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}  # fmt: skip
    return plan_loaded(load_spec(spec, small))


def test_it_has_timms_parameters(spec):
    assert plan_loaded(load_spec(spec)).trainable == REFERENCE["parameters"]


def test_it_has_timms_tensors_and_logits_and_those_of_keras_s_own_layers(plan, tmp_path):
    sizes = ((str(target.source_name), target.parameter.size) for target, _ in tensors(plan))
    assert digest(sizes) == str(REFERENCE["digest"])
    model, images = build_model(plan), rule.images(IMAGES, SIDE).astype(np.float32)
    found = (
        (target, to_parameter(rule.tensor(str(target.source_name), shape), target.parameter, "pytorch", ()))
        for target, shape in tensors(plan)
    )
    set_weights(model, found)
    logits = np.asarray(model(images, training=False))
    assert relative(logits, REFERENCE["logits"]) < 1e-5
    write_model(model, plan, tmp_path / "model.keras")  # which reads it again by Keras
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert relative(np.asarray(loaded(images, training=False)), logits) < 1e-6
    for ours, read in zip(model.weights, load_model(tmp_path / "model.keras", plan).weights, strict=True):
        np.testing.assert_array_equal(ours, read)
