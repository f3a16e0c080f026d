"""Predictions are those of Keras's own `predict` on pixels that were resized alike; all bad images are told at once."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

from kresnet.data.embedded import CLASS_NAMES, read_embedded
from kresnet.errors import KresnetError
from kresnet.evaluation.predict import BATCH_SIZE, class_name, image_names, predict, predict_files, read_images
from kresnet.evaluation.predictor import KerasPredictor
from kresnet.runs.trained_model import open_trained_model
from kresnet.weights.convert import load_model


def test_files_and_arrays_are_classified_as_keras_does(classifier_run, tmp_path):
    pixels = read_embedded()["test_images"][:3]
    path = tmp_path / "shirt.png"
    Image.fromarray(pixels[2, ..., 0]).save(path)
    predictions = predict(KerasPredictor(open_trained_model(classifier_run.path)), [pixels[0], pixels[1, ..., 0], path])
    model = load_model(classifier_run.model, classifier_run.resolved.plan)
    logits = model.predict(pixels.astype(np.float32), verbose=0)
    expected = np.asarray(keras.ops.softmax(logits))
    assert [each["image"] for each in predictions] == [0, 1, str(path)]
    for each, row in zip(predictions, expected, strict=True):
        assert each["class_id"] == row.argmax()
        assert each["label"] == CLASS_NAMES[row.argmax()]
        assert each["probability"] == max(each["probabilities"].values())
        np.testing.assert_allclose(list(each["probabilities"].values()), row, rtol=1e-4)
        assert list(each["probabilities"]) == list(CLASS_NAMES)


def test_all_images_that_cannot_be_read_are_named(classifier_run, tmp_path):
    (tmp_path / "text.png").write_bytes(b"hello")
    images = [tmp_path / "text.png", np.zeros((3, 3), np.float32), tmp_path / "none.png"]
    with pytest.raises(KresnetError) as caught:
        read_images(images, classifier_run.resolved.spec.input)
    assert [problem.code for problem in caught.value.problems] == ["image_unreadable", "data_mismatch", "file_missing"]
    assert image_names(images) == [str(images[0]), 1, str(images[2])]


def test_many_files_are_answered_as_few_and_a_bad_one_is_told_in_its_place(classifier_run, tmp_path):
    images = read_embedded()["test_images"][: BATCH_SIZE + 3]
    paths = [str(tmp_path / f"{number}.png") for number in range(len(images))]
    for path, pixels in zip(paths, images, strict=True):
        Image.fromarray(pixels[..., 0]).save(path)
    predictor = KerasPredictor(open_trained_model(classifier_run.path))
    many, few = predict(predictor, paths), predict(predictor, list(images))
    assert [each["image"] for each in many] == paths
    for one, other in zip(many, few, strict=True):
        assert one["probability"] == pytest.approx(other["probability"], rel=1e-5)
    (tmp_path / "3.png").write_bytes(b"")
    rows = [row for batch in predict_files(predictor, paths) for row in batch.as_dicts()]
    assert rows[3] == {"image": paths[3], "error": rows[3]["error"]}
    assert rows[3]["error"]["code"] == "image_unreadable"
    assert [row["label"] for row in rows[4:]] == [each["label"] for each in many[4:]]
    with pytest.raises(KresnetError) as caught:
        predict(predictor, paths)
    assert len(caught.value.problems) == 1


def test_a_class_without_a_name_is_called_by_its_number():
    assert class_name(1, ["cat", "dog"]) == "dog"
    assert class_name(2, ["cat", "dog"]) == "2"
