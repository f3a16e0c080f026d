"""Arrays of a NumPy file as data: what they may be, what is refused, and whole runs on them."""

import json

import numpy as np
import pytest

from kresnet.data.sources import open_data
from kresnet.errors import KresnetError
from kresnet.plan.objective import Objective
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData
from tests.command import kresnet

VECTOR = Input.model_validate({"shape": [16]})
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(640, 16)).astype(np.float32)
VALUES = (INPUTS + 0.5 * np.tanh(INPUTS[:, ::-1])).astype(np.float32)
LABELS = (INPUTS[:, :3] > 0).astype(np.float32)

MULTI_LABEL = """
name: labels
input: {shape: [16]}
norm: {kind: none}
stem: {kind: none}
block: {kind: dense, order: no_activation_after_add, hidden: 32}
stages: [{blocks: 1, width: 16}]
head: {pool: none, classes: 3, multi_label: true}
"""


def written(path, targets, inputs=INPUTS, **changes) -> ArraysData:
    arrays = {
        "train_inputs": inputs[:512], "train_targets": targets[:512],
        "test_inputs": inputs[512:], "test_targets": targets[512:],
    } | changes  # fmt: skip
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return ArraysData(kind="arrays", path=str(path))


@pytest.mark.parametrize(
    ("targets", "kind", "classes"),
    [(VALUES, "values", 0), (LABELS, "labels", 3), (np.arange(640) % 5, "classes", 5)],
    ids=["values", "labels", "classes"],
)
def test_what_targets_are_is_told_by_their_type(tmp_path, targets, kind, classes):
    data = open_data(written(tmp_path / "data.npz", targets), VECTOR, 0)
    assert (data.targets.kind, len(data.class_names)) == (kind, classes)
    inputs, found = data.test.fetch(np.array([3, 1]))
    np.testing.assert_array_equal(inputs, INPUTS[[515, 513]])
    np.testing.assert_array_equal(found, targets[[515, 513]])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"train_inputs": None}, "data_mismatch"),
        ({"train_inputs": INPUTS[:512, :8]}, "data_mismatch"),
        ({"train_inputs": INPUTS[:512].astype(np.float64)}, "data_mismatch"),
        ({"test_targets": VALUES[:5]}, "data_mismatch"),
        ({"test_targets": np.arange(128)}, "data_mismatch"),
        ({"train_targets": np.full((512, 16), np.nan, np.float32)}, "data_mismatch"),
        ({"train_targets": np.array([{}] * 512)}, "data_mismatch"),
        ({"train_inputs": INPUTS[:0], "train_targets": VALUES[:0]}, "data_empty"),
    ],
)
def test_arrays_that_do_not_suit_are_refused(tmp_path, changes, code):
    with pytest.raises(KresnetError) as caught:
        open_data(written(tmp_path / "data.npz", VALUES, **changes), VECTOR, 0)
    assert caught.value.problems[0].code == code


def test_classes_and_labels_may_be_named(tmp_path):
    names = np.array(["ant", "bee", "cat", "dog", "eel", "fly"])
    data = open_data(written(tmp_path / "classes.npz", np.arange(640) % 5, class_names=names), VECTOR, 0)
    assert data.class_names == tuple(names)
    data = open_data(written(tmp_path / "labels.npz", LABELS, class_names=names[:3], notes=names), VECTOR, 0)
    assert data.class_names == ("ant", "bee", "cat")
    assert data.passed_over == {"other": {"arrays that have no meaning here": (1, "notes")}}


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (LABELS, np.array(["a", "b", "c", "d"])),
        (LABELS, np.array(["a", "b", "b"])),
        (np.arange(640) % 5, np.array(["a", "b"])),
        (np.arange(640) % 5, np.arange(5)),
        (VALUES, np.array(["a"])),
    ],
    ids=["too many", "twice", "too few", "numbers", "of values"],
)
def test_names_that_name_no_classes_are_refused(tmp_path, targets, names):
    with pytest.raises(KresnetError, match="class_names") as caught:
        open_data(written(tmp_path / "data.npz", targets, class_names=names), VECTOR, 0)
    assert caught.value.problems[0].code == "data_mismatch"


CLASSES = np.arange(640) % 5


@pytest.mark.parametrize(
    ("targets", "remedy"),
    [
        (np.eye(5)[CLASSES], "np.argmax(targets, axis=1); targets.astype('float32') if labels are independent"),
        (LABELS.astype(np.uint8), "targets.astype('float32')"),
        (CLASSES.astype(np.float32), "targets.astype('int64')"),
        (CLASSES[:, np.newaxis], "targets[:, 0].astype('int64')"),
        (CLASSES - 1, "targets - (-1): classes are counted from 0"),
        (VALUES.astype(np.float64), "targets.astype('float32')"),
        (VALUES[:, 0], "targets.astype('float32')[:, np.newaxis]"),
    ],
    ids=["one-hot", "bytes", "floats", "a column", "from -1", "float64", "flat"],
)
def test_targets_written_in_another_way_are_told_with_what_makes_them_right(tmp_path, targets, remedy):
    with pytest.raises(KresnetError) as caught:
        open_data(written(tmp_path / "data.npz", targets), VECTOR, 0)
    assert caught.value.problems[0].remedy == remedy


def test_a_single_array_is_told(tmp_path):
    np.save(tmp_path / "data.npy", INPUTS)
    with pytest.raises(KresnetError, match="one array") as caught:
        open_data(ArraysData(kind="arrays", path=str(tmp_path / "data.npy")), VECTOR, 0)
    assert caught.value.problems[0].found == "float32 (640, 16)"


@pytest.mark.parametrize(
    ("content", "code"), [(None, "data_missing"), (b"", "data_mismatch"), (b"PK", "data_mismatch")]
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, content, code):
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KresnetError) as caught:
        open_data(ArraysData(kind="arrays", path=str(path)), VECTOR, 0)
    assert caught.value.problems[0].code == code


def fit(home, spec: str, targets, *options: str):
    written(home / "data.npz", targets)
    recipe = (
        "name: short\ndata: {kind: arrays, path: data.npz}\nepochs: 40\nbatch_size: 64\n"
        "optimizer: {kind: adamw, learning_rate: 0.01, weight_decay: 0.0}\n"
    )
    (home / "short.yaml").write_text(recipe)
    return kresnet("fit", spec, "--recipe", "short.yaml", "-o", "run", "--json", *options, cwd=home)


def test_a_network_without_a_head_learns_values(tmp_path):
    done = fit(tmp_path, "residual_mlp", VALUES)
    assert done.returncode == 0, done.stderr
    test = json.loads(done.stdout)["test"]
    assert test.keys() == {"loss", "absolute_error", "r2"}
    assert test["loss"] < 0.25 * np.mean(np.square(VALUES[512:] - INPUTS[512:]))  # of handing the input on
    evaluated = json.loads(kresnet("evaluate", "run", "--json", cwd=tmp_path).stdout)
    assert evaluated["loss"] == pytest.approx(test["loss"], rel=1e-4)


def test_a_network_learns_independent_labels(tmp_path):
    (tmp_path / "labels.yaml").write_text(MULTI_LABEL)
    done = fit(tmp_path, "labels.yaml", LABELS)
    assert done.returncode == 0, done.stderr
    test = json.loads(done.stdout)["test"]
    assert test.keys() == set(Objective("sigmoid", 2, independent=True).measurable)
    assert test["accuracy"] > 0.9
    assert test["exact_match"] <= test["accuracy"]


@pytest.mark.parametrize(
    ("spec", "targets", "options", "code"),
    [
        ("residual_mlp", LABELS, [], "data_mismatch"),
        ("labels.yaml", VALUES, [], "data_mismatch"),
        ("labels.yaml", LABELS, ["--set", "head.multi_label=false"], "data_mismatch"),
        ("labels.yaml", LABELS, ["--set", "recipe.loss={kind: softmax}"], "contradiction"),
        ("labels.yaml", LABELS, ["--set", "recipe.augment={flip: true}"], "contradiction"),
        ("residual_mlp", VALUES, ["--set", "recipe.label_smoothing=0.1"], "no_effect"),
        ("residual_mlp", VALUES, ["--set", "recipe.loss={kind: sigmoid}"], "contradiction"),
    ],
)
@pytest.mark.slow
def test_what_does_not_fit_is_refused(tmp_path, spec, targets, options, code):
    (tmp_path / "labels.yaml").write_text(MULTI_LABEL)
    done = fit(tmp_path, spec, targets, *options)
    assert done.returncode == 2, done.stderr
    assert f"[{code}]" in done.stderr
    assert not (tmp_path / "run").exists()
