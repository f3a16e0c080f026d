"""Mistakes are ranked and described as plain NumPy ranks them, and have their pictures."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from kresnet.data.embedded import CLASS_NAMES, read_embedded
from kresnet.evaluation.evaluate import evaluate_with_mistakes
from kresnet.evaluation.mistakes import picture_uri
from kresnet.weights.convert import load_model
from tests.evaluation.runs import VECTORS, arrays, with_model


def test_the_surest_mistakes_come_first_with_their_images(classifier_run, evaluation):
    test = read_embedded()
    logits = load_model(classifier_run.model, classifier_run.resolved.plan).predict(
        test["test_images"].astype(np.float32), verbose=0
    )
    odds = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = odds / odds.sum(1, keepdims=True)
    said, truth = probabilities.argmax(1), test["test_labels"]
    wrong = np.flatnonzero(said != truth)
    surest = wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")]
    assert len(evaluation.mistakes) == 24
    np.testing.assert_allclose(
        [m.confidence for m in evaluation.mistakes], probabilities[surest[:24]].max(1), rtol=1e-4
    )
    for mistake in evaluation.mistakes:
        at = mistake.position
        assert mistake.truth == CLASS_NAMES[truth[at]] != mistake.prediction == CLASS_NAMES[said[at]]
        assert mistake.name == f"image {at}"
        file = io.BytesIO(base64.b64decode(mistake.picture.partition(",")[2]))
        np.testing.assert_array_equal(np.asarray(Image.open(file).convert("L")), test["test_images"][at, ..., 0])


def test_independent_labels_are_judged_one_by_one(tmp_path):
    random = np.random.default_rng(0)
    inputs, labels = random.standard_normal((30, 12), np.float32), random.integers(0, 2, (30, 3)).astype(np.float32)
    run = with_model(tmp_path / "run", names=("0", "1", "2"), recipe=arrays(tmp_path / "data.npz", inputs, labels),
                     spec=VECTORS | {"head": {"classes": 3, "pool": "none", "multi_label": True}})  # fmt: skip
    found = evaluate_with_mistakes(run)
    logits = load_model(run.model, run.resolved.plan).predict(inputs, verbose=0)
    off = np.abs(1 / (1 + np.exp(-logits)) - labels)
    worst = off.max(1)
    expected = np.sort(worst[worst > 0.5])[::-1][:24]
    assert found.kind == "labels"
    np.testing.assert_allclose([m.confidence for m in found.mistakes], expected, rtol=1e-5)
    first = found.mistakes[0]
    label = int(off[first.position].argmax())
    there = labels[first.position, label] > 0.5
    assert first.truth == f"{'with' if there else 'without'} {label}"
    assert first.prediction == f"{'without' if there else 'with'} {label}"
    assert first.picture is None


def test_values_are_ranked_by_their_error(tmp_path):
    random = np.random.default_rng(1)
    inputs = random.standard_normal((30, 12), np.float32)
    run = with_model(tmp_path / "run", names=(), recipe=arrays(tmp_path / "data.npz", inputs, 2 * inputs),
                     spec=VECTORS | {"head": {"kind": "none"}})  # fmt: skip
    found = evaluate_with_mistakes(run)
    off = np.abs(load_model(run.model, run.resolved.plan).predict(inputs, verbose=0) - 2 * inputs).mean(1)
    assert (found.kind, found.confusion_matrix, found.accuracies, found.confused_pairs) == ("values", None, [], [])
    np.testing.assert_allclose([m.confidence for m in found.mistakes], np.sort(off)[::-1][:24], rtol=1e-5)
    assert found.metrics["absolute_error"] == pytest.approx(off.mean(), rel=1e-5)


def test_large_pictures_are_made_small_and_odd_channels_grey():
    random = np.random.default_rng(2)
    for shape, mode in (((300, 200, 3), "RGB"), ((40, 30, 2), "L"), ((1, 1, 1), "L")):
        uri = picture_uri(random.integers(0, 256, shape, dtype=np.uint8))
        image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        assert max(image.size) <= 160
        assert image.convert(mode).size[0] == min(shape[1], round(160 * shape[1] / max(shape)) or 1)
