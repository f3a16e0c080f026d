"""What an export looks like on disk, and Keras's export traps (shared/tf-serving.md), each put back and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.errors import KresnetError
from kresnet.export import saved_model, signatures
from kresnet.export.saved_model import ExportResult, export_model
from kresnet.spec.architecture import Spec
from tests.export.networks import CLASS_NAMES, network, spec_of

Answer = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def test_a_version_is_published_whole(exported: ExportResult) -> None:
    files = {path.relative_to(exported.path).as_posix() for path in exported.path.rglob("*") if path.is_file()}
    assert files >= {
        "saved_model.pb",
        "variables/variables.index",
        "assets.extra/tf_serving_warmup_requests",
        "assets.extra/kresnet/manifest.json",
        "assets.extra/kresnet/golden.npz",
        "assets.extra/kresnet/proof.json",
    }
    assert (exported.path.parent.name, exported.path.name, exported.version) == ("tiny", "1", 1)
    assert [path.name for path in exported.path.parent.iterdir()] == ["1"]
    folder = exported.path / "assets.extra" / "kresnet"
    assert (folder / "class_names.txt").read_text(encoding="utf-8").split("\n")[:-1] == list(CLASS_NAMES)
    assert Spec.model_validate_json((folder / "spec.json").read_text()) == spec_of()
    assert json.loads((folder / "proof.json").read_text())["passed"]


def test_the_report_says_what_was_and_what_was_not_verified(exported: ExportResult) -> None:
    report = exported.report
    assert report.passed
    text = "\n".join(report.lines())
    for phrase in ("largest difference", "batches of 1, 7 and 32", "tensorflow_model_server itself was not run"):
        assert phrase in text
    assert "random" not in "".join(report.not_verified)
    assert report.facts["largest_difference"] <= 1e-5
    assert b"DisableCopyOnRead" in (exported.path / "saved_model.pb").read_bytes()
    assert report.facts["needs"] == "TF Serving 2.15 or newer"


def test_versions_count_up_and_none_is_overwritten(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for taken in ("00003", "1", "2.tmp", "notes"):
        (tmp_path / "tiny" / taken).mkdir(parents=True)
    assert export_model(model, spec_of(), CLASS_NAMES, tmp_path).path == tmp_path / "tiny" / "4"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tiny").rglob("*")}
    for version, taken in ((4, "4"), (3, "00003")):
        with pytest.raises(KresnetError, match=f"{taken} exists"):
            export_model(model, spec_of(), CLASS_NAMES, tmp_path, version=version)
    with pytest.raises(KresnetError) as caught:
        export_model(model, spec_of(), CLASS_NAMES, tmp_path, version=0)
    assert caught.value.problems[0].code == "bad_option"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tiny").rglob("*")} == before


def test_class_names_must_match_the_head(model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(KresnetError) as caught:
        export_model(model, spec_of(), ("one", "two"), tmp_path)
    assert caught.value.problems[0].code == "data_mismatch"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def refused(model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Export with `serving_default` answered by another function; returns what the proof said against it."""

    def export(function: Callable[[tf.Tensor, Answer], object]) -> str:
        original = signatures.endpoints

        def planted(*arguments: object) -> dict[str, signatures.Endpoint]:
            served = original(*arguments)
            right = served["serving_default"]
            served["serving_default"] = signatures.Endpoint(lambda image: function(image, right.function), right.input)
            return served

        monkeypatch.setattr(saved_model, "endpoints", planted)
        with pytest.raises(KresnetError) as caught:
            export_model(model, spec_of(), CLASS_NAMES, tmp_path)
        assert caught.value.status == 1
        assert list(tmp_path.iterdir()) == [], "nothing may be left for a server to load"
        return str(caught.value)

    return export


def _answer(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    class_id = tf.argmax(logits, -1)
    label = tf.gather(tf.constant(CLASS_NAMES), class_id)
    return {"logits": logits, "probabilities": tf.nn.softmax(logits), "class_id": class_id, "label": label}


def test_trap_training_mode_is_refused(refused: Callable[..., str], model: keras.Model) -> None:
    def endpoint(image: tf.Tensor, _right: Answer) -> object:
        return _answer(model(tf.ensure_shape(image, (None, 12, 10, 3)), training=True))

    told = refused(endpoint)
    assert "draws random numbers" in told
    assert "differs from the trained model" in told


def test_trap_output_0_is_refused(refused: Callable[..., str]) -> None:
    assert "output_0" in refused(lambda image, right: right(image)["logits"])


def test_trap_a_wrong_rank_that_ends_the_process_is_refused(refused: Callable[..., str], model: keras.Model) -> None:
    told = refused(lambda image, right: _answer(model(image, training=False)))
    assert "[not_servable]" in told
    assert "SIGABRT" in told
    assert "while trying serving_default: no batch dimension: Check failed" in told


def test_trap_a_wrong_height_that_is_answered_is_refused(refused: Callable[..., str], model: keras.Model) -> None:
    free = keras.Model(*_any_size(model))

    def endpoint(image: tf.Tensor, _right: Answer) -> object:
        return _answer(free(tf.ensure_shape(image, (None, None, None, 3)), training=False))

    assert "answers OK to height too large" in refused(endpoint)


def _any_size(model: keras.Model) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The same layers over an input of any height and width: global pooling would accept each."""
    inputs = keras.Input((None, None, 3))
    values = inputs
    for layer in model.layers[1:]:
        values = layer(values)
    return inputs, values


def test_trap_weights_stored_twice_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: keras.Model
) -> None:
    def write(directory: Path, served: dict[str, signatures.Endpoint]) -> None:
        archive = keras.export.ExportArchive()
        archive.track(model)
        for name, endpoint in served.items():
            archive.add_endpoint(name, endpoint.function, [endpoint.input])
        archive.write_out(str(directory), verbose=False)

    monkeypatch.setattr(saved_model, "_write_saved_model", write)
    with pytest.raises(KresnetError, match=r"\(weights\): the graph has variables of"):
        export_model(model, spec_of(), CLASS_NAMES, tmp_path)


def test_python_in_the_graph_is_refused(refused: Callable[..., str]) -> None:
    def endpoint(image: tf.Tensor, right: Answer) -> object:
        same = tf.numpy_function(lambda values: values, [image], tf.float32)
        return right(tf.ensure_shape(same, image.shape))

    assert "calls Python" in refused(endpoint)


def test_randomness_and_state_in_the_graph_are_refused(refused: Callable[..., str]) -> None:
    count = tf.Variable(0.0, name="count")

    def endpoint(image: tf.Tensor, right: Answer) -> object:
        noise = tf.random.normal(tf.shape(image)) + count.assign_add(1.0)
        return right(image + 0 * noise)

    told = refused(endpoint)
    assert "RandomStandardNormal" in told
    assert "AssignAddVariableOp" in told
    assert "changes the model's state" in told


def test_rows_that_depend_on_their_batch_are_refused(refused: Callable[..., str]) -> None:
    told = refused(lambda image, right: right(image - tf.reduce_mean(image, 0, keepdims=True)))
    assert "(outputs)" in told
    assert "(rows): logits of row 0 among blank rows differs" in told
    assert "(image files)" not in told


def test_other_weights_than_the_trained_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained, other = network(), network()
    other.layers[-1].bias.assign_add([0.0, 1e-3, 0.0])
    make = saved_model.make_golden
    monkeypatch.setattr(saved_model, "make_golden", lambda model, *arguments: make(other, *arguments))
    with pytest.raises(KresnetError) as caught:
        export_model(trained, spec_of(), CLASS_NAMES, tmp_path, golden_images=np.zeros((2, 12, 10, 3), np.uint8))
    assert {problem.code for problem in caught.value.problems} == {"export_mismatch"}
