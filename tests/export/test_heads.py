"""Inputs and heads other than an image of fixed size and one label."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.images import decode
from kresnet.errors import KresnetError
from kresnet.export.capi import Session
from kresnet.export.contract import Tensor, contract
from kresnet.export.golden import make_golden, probabilities
from kresnet.export.saved_model import ExportResult, export_model
from tests.export.networks import CLASS_NAMES, network, spec_of


def test_the_answers_are_named_and_typed(exported: ExportResult, images: list[np.ndarray]) -> None:
    session = Session(exported.path)
    answer = session.run("serving_default", {"image": images[0][np.newaxis].astype(np.float32)})
    assert {name: (values.dtype, values.shape) for name, values in answer.items()} == {
        "probabilities": (np.float32, (1, 3)),
        "class_id": (np.int64, (1,)),
        "label": (object, (1,)),
        "logits": (np.float32, (1, 3)),
    }
    assert answer["label"][0].decode() == CLASS_NAMES[answer["class_id"][0]]
    assert answer["probabilities"].sum() == pytest.approx(1)
    session.close()


def test_image_files_of_all_kinds_and_sizes_share_a_batch(exported: ExportResult) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)
    files = [
        tf.io.encode_jpeg(photo).numpy(),
        tf.io.encode_png(photo[:12, :10]).numpy(),
        tf.io.encode_png(photo[..., :1].astype(np.uint16) * 256).numpy(),
    ]
    pixels = np.stack([decode(tf.constant(file), spec_of().input).numpy() for file in files])
    session = Session(exported.path)
    encoded = session.run("image_bytes", {"image_bytes": np.array(files, object)})
    tensor = session.run("serving_default", {"image": pixels.astype(np.float32)})
    np.testing.assert_allclose(encoded["logits"], tensor["logits"], atol=1e-6)


def test_several_labels_have_probabilities_of_their_own(tmp_path: Path, model: keras.Model) -> None:
    head = {"classes": 3, "multi_label": True}
    path = export_model(model, spec_of(head=head), CLASS_NAMES, tmp_path).path
    rows = np.zeros((2, 12, 10, 3), np.float32)
    answer = Session(path).run("serving_default", {"image": rows})
    np.testing.assert_allclose(answer["probabilities"], 1 / (1 + np.exp(-answer["logits"])), rtol=1e-5)


def test_grey_images_of_any_size(tmp_path: Path) -> None:
    spec = spec_of(input={"shape": [12, 10, 1], "any_size": True})
    path = export_model(network((None, None, 1)), spec, CLASS_NAMES, tmp_path).path
    session = Session(path)
    for height, width in ((1, 1), (12, 10), (50, 33)):
        assert session.run("serving_default", {"image": np.ones((2, height, width, 1), np.float32)})["label"].size == 2


def test_features_of_any_size_are_of_one_size_from_image_files(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 3))
    maps = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    head = {"kind": "features", "stages": [1]}
    spec = spec_of(input={"shape": [12, 10, 3], "any_size": True}, head=head)
    path = export_model(keras.Model(inputs, {"stage1": maps}), spec, (), tmp_path).path
    answer = Session(path).run("serving_default", {"image": np.ones((1, 33, 17, 3), np.float32)})
    assert answer["stage1"].shape == (1, 17, 9, 4)


def test_logits_of_thousands_may_round_their_probabilities(tmp_path: Path, model: keras.Model) -> None:
    wild = keras.models.clone_model(model)
    wild.set_weights(model.get_weights())
    wild.layers[-1].kernel.assign(wild.layers[-1].kernel * 3e4)
    assert export_model(wild, spec_of(), CLASS_NAMES, tmp_path).report.passed


def test_a_declared_tensor_admits_what_is_at_least_as_known() -> None:
    declared = Tensor("float32", (None, None, 3))
    assert declared.admits(Tensor("float32", (None, 7, 3)))
    for wrong in (("int64", (None, 7, 3)), ("float32", (1, 7, 3)), ("float32", (None, 7, 4)), ("float32", (None, 3))):
        assert not declared.admits(Tensor(*wrong))


def test_five_channels_have_no_image_files(tmp_path: Path) -> None:
    spec = spec_of(input={"shape": [12, 10, 5]})
    result = export_model(network((12, 10, 5)), spec, CLASS_NAMES, tmp_path)
    assert set(Session(result.path).signatures) == {"serving_default"}
    with pytest.raises(KresnetError, match="data_mismatch"):
        make_golden(network((12, 10, 5)), spec, [np.zeros((12, 10, 3), np.uint8)])


def test_vectors_with_a_regression_head(tmp_path: Path) -> None:
    spec = spec_of(
        input={"shape": [6]},
        stem={"kind": "none"},
        block={"kind": "dense"},
        head={"kind": "none"},
    )
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    result = export_model(model, spec, (), tmp_path, golden_images=np.eye(6, dtype=np.float32))
    vector = np.full((3, 6), 0.5, np.float32)
    answer = Session(result.path).run("serving_default", {"vector": vector})
    np.testing.assert_allclose(answer["prediction"], model(vector), rtol=1e-5)


@pytest.mark.parametrize("as_dict", [True, False])
def test_features_are_named_by_the_model(as_dict: bool, tmp_path: Path) -> None:
    inputs = keras.Input((12, 10, 3))
    stage1 = keras.layers.Conv2D(4, 3, padding="same", name="stage1")(inputs)
    stage2 = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="stage2")(stage1)
    model = keras.Model(inputs, {"stage1": stage1, "stage2": stage2} if as_dict else [stage1, stage2])
    spec = spec_of(head={"kind": "features", "stages": [1, 2]}, stages=[{"blocks": 1, "width": 4}] * 2)
    result = export_model(model, spec, (), tmp_path)
    outputs = contract(spec, {"stage1": (None, 12, 10, 4), "stage2": (None, 6, 5, 8)})["serving_default"].outputs
    assert set(Session(result.path).signatures["serving_default"].outputs) == set(outputs)


def test_golden_rows_are_what_evaluation_would_see(model: keras.Model, images: list[np.ndarray]) -> None:
    golden = make_golden(model, spec_of(), images)
    assert golden.rows.shape == (9, 12, 10, 3)
    assert golden.rows.dtype == np.uint8
    np.testing.assert_array_equal(golden.rows[0], images[0])  # of the network's own size
    assert len(make_golden(model, spec_of(), np.zeros((50, 12, 10, 3), np.uint8)).rows) == 32
    with pytest.raises(KresnetError, match="data_mismatch"):
        make_golden(model, spec_of(), [])


def test_probabilities_do_not_overflow() -> None:
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    np.testing.assert_array_equal(probabilities(logits, False), [[1, 0, 0]])
    np.testing.assert_array_equal(probabilities(logits, True), [[1, 0, 0.5]])
