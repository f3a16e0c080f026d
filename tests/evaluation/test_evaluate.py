"""What the page says of test images is what the network says, against `evaluate` and plain NumPy."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.data.embedded import CLASS_NAMES
from kresnet.data.embedded import read as read_embedded
from kresnet.data.sources import open_data
from kresnet.errors import KresnetError
from kresnet.evaluation import inference
from kresnet.evaluation.evaluate import evaluate_in_detail, model_file, picture
from kresnet.evaluation.evaluation import Evaluation
from kresnet.graph import build_model
from kresnet.runs.run_directory import RunDirectory
from kresnet.weights.convert import load_model
from tests.report.runs import made


def with_model(directory: Path, **settings) -> RunDirectory:
    """A run whose network has its initial weights, and whose data are there."""
    run = made(directory, measured=False, **settings)
    data = open_data(run.recipe().data, run.spec().input)
    facts = json.loads((directory / "data.json").read_text())
    facts |= {"fingerprint": data.fingerprint, "class_names": list(data.class_names)}
    (directory / "data.json").write_text(json.dumps(facts))
    build_model(run.plan(), seed=3).save(run.model)
    return run


def arrays(path: Path, inputs: np.ndarray, targets: np.ndarray) -> dict[str, object]:
    """A recipe's data: the same examples to train and to test on."""
    np.savez(path, train_inputs=inputs, train_targets=targets, test_inputs=inputs, test_targets=targets)
    return {"data": {"kind": "arrays", "path": str(path)}, "batch_size": 10}


VECTORS = {
    "input": {"shape": [12]},
    "stem": {"kind": "none"},
    "norm": {"kind": "none"},
    "block": {"kind": "dense", "hidden": 8},
    "stages": [{"blocks": 1, "width": 12}],
}


@pytest.fixture(scope="module")
def classes(tmp_path_factory) -> RunDirectory:
    return with_model(tmp_path_factory.mktemp("examined") / "run")


@pytest.fixture(scope="module")
def found(classes) -> Evaluation:
    return evaluate_in_detail(classes)


def test_metrics_and_confusion_are_those_of_evaluate(classes, found):
    expected = inference.evaluate(classes)
    assert found.kind == "classes"
    assert found.images == expected["images"] == 1000
    np.testing.assert_array_equal(found.tally, expected["tally"])
    for metric, value in found.metrics.items():
        assert value == pytest.approx(expected[metric], rel=1e-5)
    assert {label: value for label, value, _ in found.accuracies} == expected["classes"]


def test_the_surest_mistakes_come_first_with_their_images(classes, found):
    test = read_embedded()
    logits = load_model(classes.model, classes.plan()).predict(test["test_images"].astype(np.float32), verbose=0)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = odds / odds.sum(1, keepdims=True)
    said, truth = probabilities.argmax(1), test["test_labels"]
    wrong = np.flatnonzero(said != truth)
    surest = wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")]
    assert len(found.mistakes) == 24
    np.testing.assert_allclose([m.confidence for m in found.mistakes], probabilities[surest[:24]].max(1), rtol=1e-4)
    for mistake in found.mistakes:
        at = mistake.position
        assert mistake.truth == CLASS_NAMES[truth[at]] != mistake.said == CLASS_NAMES[said[at]]
        assert mistake.name == f"image {at}"
        file = io.BytesIO(base64.b64decode(mistake.picture.partition(",")[2]))
        np.testing.assert_array_equal(np.asarray(Image.open(file).convert("L")), test["test_images"][at, ..., 0])


def test_pairs_are_the_largest_cells_off_the_diagonal(found):
    off = found.tally * (1 - np.eye(10, dtype=int))
    assert [times for _, _, times, _ in found.pairs] == sorted(off.ravel()[off.ravel() > 0], reverse=True)[:12]
    label, other, times, share = found.pairs[0]
    row, column = CLASS_NAMES.index(label), CLASS_NAMES.index(other)
    assert times == off.max() == found.tally[row, column]
    assert share == times / 100


def test_independent_labels_are_judged_one_by_one(tmp_path):
    random = np.random.default_rng(0)
    inputs, labels = random.standard_normal((30, 12), np.float32), random.integers(0, 2, (30, 3)).astype(np.float32)
    run = with_model(tmp_path / "run", names=("0", "1", "2"), recipe=arrays(tmp_path / "data.npz", inputs, labels),
                     spec=VECTORS | {"head": {"classes": 3, "pool": "none", "multi_label": True}})  # fmt: skip
    found = evaluate_in_detail(run)
    logits = load_model(run.model, run.plan()).predict(inputs, verbose=0)
    off = np.abs(1 / (1 + np.exp(-logits)) - labels)
    worst = off.max(1)
    expected = np.sort(worst[worst > 0.5])[::-1][:24]
    assert found.kind == "labels"
    np.testing.assert_allclose([m.confidence for m in found.mistakes], expected, rtol=1e-5)
    first = found.mistakes[0]
    label = int(off[first.position].argmax())
    there = labels[first.position, label] > 0.5
    assert first.truth == f"{'with' if there else 'without'} {label}"
    assert first.said == f"{'without' if there else 'with'} {label}"
    assert first.picture is None


def test_values_are_ranked_by_their_error(tmp_path):
    random = np.random.default_rng(1)
    inputs = random.standard_normal((30, 12), np.float32)
    run = with_model(tmp_path / "run", names=(), recipe=arrays(tmp_path / "data.npz", inputs, 2 * inputs),
                     spec=VECTORS | {"head": {"kind": "none"}})  # fmt: skip
    found = evaluate_in_detail(run)
    off = np.abs(load_model(run.model, run.plan()).predict(inputs, verbose=0) - 2 * inputs).mean(1)
    assert (found.kind, found.tally, found.accuracies, found.pairs) == ("values", None, [], [])
    np.testing.assert_allclose([m.confidence for m in found.mistakes], np.sort(off)[::-1][:24], rtol=1e-5)
    assert found.metrics["absolute_error"] == pytest.approx(off.mean(), rel=1e-5)


def test_the_best_network_stands_in_while_there_is_no_final_one(tmp_path):
    run = made(tmp_path / "run", epochs=2)
    with pytest.raises(KresnetError) as error:
        model_file(run)
    assert error.value.problems[0].code == "run_missing"
    run.best.touch()
    assert model_file(run) == run.best
    run.model.touch()
    assert model_file(run) == run.model


def test_other_data_than_the_run_was_trained_on_are_not_examined(tmp_path):
    run = made(tmp_path / "run", fingerprint="of other data")
    run.model.touch()
    with pytest.raises(KresnetError, match="no longer") as error:
        evaluate_in_detail(run)
    assert error.value.problems[0].code == "data_mismatch"


def test_large_pictures_are_made_small_and_odd_channels_grey():
    random = np.random.default_rng(2)
    for shape, mode in (((300, 200, 3), "RGB"), ((40, 30, 2), "L"), ((1, 1, 1), "L")):
        uri = picture(random.integers(0, 256, shape, dtype=np.uint8))
        image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        assert max(image.size) <= 160
        assert image.convert(mode).size[0] == min(shape[1], round(160 * shape[1] / max(shape)) or 1)
