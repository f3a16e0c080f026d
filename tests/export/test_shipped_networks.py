"""Real networks proved as exports: trained, large, half precision, many labels, any size, vectors."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.export.capi import SavedModelSession
from kresnet.export.sample_inputs import SampleInputs
from kresnet.export.saved_model import ExportOptions, ExportResult, export_model
from kresnet.graph import build_model
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import converted_model, load_model, write_model
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.graph.random_weights import randomize
from tests.weights.conftest import DATA

pytestmark = pytest.mark.slow


def exported(model: keras.Model, name: str, folder: Path, *overrides: str, **options: object) -> ExportResult:
    """An export of a shipped spec's network, whose proof has passed, whose norms are folded and which is no larger."""
    spec = load_spec(name, overrides).value
    classes = [str(index) for index in range(getattr(spec.head, "classes", 0))]
    inputs = (
        SampleInputs(np.load(DATA / "weights" / "resnet20-reference.npz")["images"][:8], "CIFAR-10")
        if spec.input.is_image
        else None
    )
    result = export_model(model, spec, classes, folder, ExportOptions(**options), inputs=inputs)  # type: ignore[arg-type]
    assert result.report.passed
    facts = result.report.facts
    on_disk = sum(path.stat().st_size for path in (result.path / "variables").iterdir())
    print(json.dumps({"name": name, "weights": facts["weights_bytes"], "variables": on_disk,
                      "changes": result.report.changes, "difference": facts["largest_difference"]}))  # fmt: skip
    return result


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    path = DATA / "weights" / "resnet20-reference.npz"
    if not path.is_file():
        pytest.skip(f"there is no {path}; set KRESNET_TEST_DATA")
    return dict(np.load(path))


def test_a_trained_network_answers_as_pytorch_does(reference: dict[str, np.ndarray], tmp_path: Path) -> None:
    plan = plan_loaded(load_spec("cifar_resnet20_pytorch"))
    with open_weights(DATA / "weights" / "resnet20.safetensors") as source:
        model = converted_model(plan, require_match(match_weights(plan, source, "auto"), plan))
    result = exported(model, "cifar_resnet20_pytorch", tmp_path)
    [change] = result.report.changes
    assert change["what"].startswith("folded 19 batch norms")  # option-A shortcuts have none
    session = SavedModelSession(result.path)
    answer = session.run("serving_default", {"image": reference["images"][:64].astype(np.float32)})
    assert np.abs(answer["logits"] - reference["logits"][:64]).max() < 1e-4
    np.testing.assert_array_equal(answer["class_id"], reference["predictions"][:64])


def test_a_large_network_stores_its_weights_once(reference: dict[str, np.ndarray], tmp_path: Path) -> None:
    result = exported(randomize(build_model(plan_loaded(load_spec("resnet50")))), "resnet50", tmp_path)
    assert result.report.changes[0]["what"].startswith("folded 53 batch norms")
    weights = result.report.facts["weights_bytes"]
    loaded = [result.path / "saved_model.pb", *(result.path / "variables").iterdir()]
    assert sum(path.stat().st_size for path in loaded) < 1.02 * weights, "graph and all"


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_a_large_network_in_half_the_bytes(kind: str, reference: dict[str, np.ndarray], tmp_path: Path) -> None:
    model = randomize(build_model(plan_loaded(load_spec("resnet50"))))
    result = exported(model, "resnet50", tmp_path, signatures=(), weights=kind)
    assert result.report.facts["weights_bytes"] < 52e6


def test_a_network_trained_in_bfloat16_is_served_in_float32(reference: dict[str, np.ndarray], tmp_path: Path) -> None:
    plan = plan_loaded(load_spec("cifar_resnet20"))
    trained = randomize(build_model(plan, precision="bfloat16"))
    kept = build_model(plan)
    kept.set_weights(trained.get_weights())
    write_model(kept, plan, tmp_path / "model.keras")
    result = exported(load_model(tmp_path / "model.keras", plan), "cifar_resnet20", tmp_path / "models")
    images = reference["images"][:16].astype(np.float32)
    logits = SavedModelSession(result.path).run("serving_default", {"image": images})["logits"]
    assert logits.dtype == np.float32
    coarse = np.asarray(trained(images, training=False))
    assert 1e-5 < np.abs(logits - coarse).max() / np.abs(coarse).max() < 0.05


def test_many_labels(reference: dict[str, np.ndarray], tmp_path: Path) -> None:
    overrides = ["head.multi_label=true"]
    model = randomize(build_model(plan_loaded(load_spec("cifar_resnet20", overrides))))
    result = exported(model, "cifar_resnet20", tmp_path, *overrides)
    images = reference["images"][:4].astype(np.float32)
    answer = SavedModelSession(result.path).run("serving_default", {"image": images})
    np.testing.assert_allclose(answer["probabilities"], 1 / (1 + np.exp(-answer["logits"].astype(float))), rtol=1e-5)


def test_a_backbone_for_any_size(reference: dict[str, np.ndarray], tmp_path: Path) -> None:
    model = randomize(build_model(plan_loaded(load_spec("resnet50_backbone"))))
    result = exported(model, "resnet50_backbone", tmp_path)
    image = np.zeros((1, 96, 160, 3), np.float32)
    answer = SavedModelSession(result.path).run("serving_default", {"image": image})
    assert {name: values.shape[1:3] for name, values in answer.items()} == {
        "stage1": (24, 40), "stage2": (12, 20), "stage3": (6, 10), "stage4": (3, 5),
    }  # fmt: skip


def test_vectors(tmp_path: Path) -> None:
    result = exported(randomize(build_model(plan_loaded(load_spec("residual_mlp")))), "residual_mlp", tmp_path)
    assert result.report.changes == ()


def test_a_network_whose_own_rounding_is_large(tmp_path: Path) -> None:
    """Group norms and standardised kernels of random weights: what one rounding moves, fifty layers multiply."""
    small = ("input.shape=[64,64,3]", "input.resize={kind: stretch}", "head.classes=10")
    model = randomize(build_model(plan_loaded(load_spec("resnetv2_50x1_bit", small))))
    facts = exported(model, "resnetv2_50x1_bit", tmp_path, *small, signatures=()).report.facts
    assert 1e-5 < facts["tolerance"] < 1e-4
    assert facts["largest_difference"] <= facts["tolerance"]
