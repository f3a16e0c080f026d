"""What the signatures answer, for inputs and heads of every kind."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.images import decode
from kresnet.export.capi import RuntimeFailure, SavedModelSession
from kresnet.export.request_inputs import serialize_example
from kresnet.export.sample_inputs import SampleInputs
from kresnet.export.saved_model import ExportOptions, ExportResult, export_model
from kresnet.spec.loading import load_spec
from tests.export.networks import CLASS_NAMES, network, spec_of

#: Only `serving_default`, which is quicker to write and to prove.
PLAIN = ExportOptions(signatures=())


def test_the_answers_are_named_and_typed(exported: ExportResult, images: list[np.ndarray]) -> None:
    session = SavedModelSession(exported.path)
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
    session = SavedModelSession(exported.path)
    encoded = session.run("image_bytes", {"image_bytes": np.array(files, object)})
    tensor = session.run("serving_default", {"image": pixels.astype(np.float32)})
    np.testing.assert_allclose(encoded["logits"], tensor["logits"], atol=1e-6)


def test_an_empty_request_is_told_plainly(exported: ExportResult) -> None:
    session = SavedModelSession(exported.path)
    for name, values in {
        "serving_default": np.zeros((0, 12, 10, 3), np.float32),
        "classify": np.zeros(0, object),
    }.items():
        [input_name] = session.signatures[name].inputs
        with pytest.raises(RuntimeFailure, match="The request is empty: send at least one row"):
            session.run(name, {input_name: values})
    session.close()


def test_several_labels_have_probabilities_of_their_own(tmp_path: Path) -> None:
    head = {"classes": 3, "multi_label": True}
    path = export_model(network(spec_of(head=head)), spec_of(head=head), CLASS_NAMES, tmp_path, PLAIN).path
    session, rows = SavedModelSession(path), np.zeros((2, 12, 10, 3), np.float32)
    answer = session.run("serving_default", {"image": rows})
    np.testing.assert_allclose(answer["probabilities"], 1 / (1 + np.exp(-answer["logits"])), rtol=1e-5)
    session.close()


def test_grey_images_of_any_size(tmp_path: Path) -> None:
    spec = spec_of(input={"shape": [12, 10, 1], "any_size": True})
    path = export_model(network(spec), spec, CLASS_NAMES, tmp_path, PLAIN).path
    session = SavedModelSession(path)
    for height, width in ((1, 1), (12, 10), (50, 33)):
        assert session.run("serving_default", {"image": np.ones((2, height, width, 1), np.float32)})["label"].size == 2


def test_features_of_any_size_are_of_one_size_from_image_files(tmp_path: Path) -> None:
    head = {"kind": "features", "stages": [1]}
    stages = [{"blocks": 1, "width": 4, "stride": 2}]
    spec = spec_of(input={"shape": [12, 10, 3], "any_size": True}, stages=stages, head=head)
    path = export_model(network(spec), spec, (), tmp_path, PLAIN).path
    answer = SavedModelSession(path).run("serving_default", {"image": np.ones((1, 33, 17, 3), np.float32)})
    assert answer["stage1"].shape == (1, 17, 9, 4)


def test_vectors_with_a_regression_head(tmp_path: Path) -> None:
    spec = load_spec("residual_mlp").value
    model = network(spec)
    vectors = np.random.default_rng(0).standard_normal((5, 16), np.float32)
    result = export_model(model, spec, (), tmp_path, inputs=SampleInputs(vectors, "a test"))
    session = SavedModelSession(result.path)
    assert set(session.signatures) == {"serving_default"}
    np.testing.assert_allclose(session.run("serving_default", {"vector": vectors})["output"], model(vectors), rtol=1e-4)


def test_vectors_are_classified_from_examples(tmp_path: Path) -> None:
    spec = spec_of(
        input={"shape": [6]}, stem={"kind": "none"}, block={"kind": "dense"}, head={"classes": 3, "pool": "none"}
    )
    model = network(spec)
    session = SavedModelSession(export_model(model, spec, CLASS_NAMES, tmp_path).path)
    assert set(session.signatures) == {"serving_default", "classify", "features"}
    vector = np.array([0.5, -1, 2, 0, 0.25, 3], np.float32)
    answer = session.run("classify", {"inputs": np.array([serialize_example(vector)], object)})
    expected = np.asarray(keras.ops.softmax(model(vector[np.newaxis])))[0]
    order = np.argsort(-expected)
    np.testing.assert_allclose(answer["scores"][0], expected[order], rtol=1e-4)
    assert [name.decode() for name in answer["classes"][0]] == [CLASS_NAMES[index] for index in order]


def test_features_are_what_the_logits_are_made_of(
    exported: ExportResult, model: keras.Model, images: list[np.ndarray]
) -> None:
    session = SavedModelSession(exported.path)
    rows = {"image": images[0][np.newaxis].astype(np.float32)}
    features, logits = session.run("features", rows)["features"], session.run("serving_default", rows)["logits"]
    head = model.get_layer("head.logits")
    np.testing.assert_allclose(features @ head.kernel.numpy() + head.bias.numpy(), logits, rtol=1e-4, atol=1e-5)
    assert features.shape == (1, 8)
