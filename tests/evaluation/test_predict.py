"""Predictions are those of Keras's own `predict` on pixels that were resized alike; all bad images are told at once."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from kresnet.data.embedded import CLASS_NAMES, read_embedded
from kresnet.errors import KresnetError
from kresnet.evaluation.predict import class_name, class_probabilities, image_names, predict, read_images
from kresnet.runs.trained_model import open_trained_model
from kresnet.weights.convert import load_model


def test_files_and_arrays_are_classified_as_keras_does(classifier_run, tmp_path):
    pixels = read_embedded()["test_images"][:3]
    path = tmp_path / "shirt.png"
    Image.fromarray(pixels[2, ..., 0]).save(path)
    predictions = predict(open_trained_model(classifier_run.path), [pixels[0], pixels[1, ..., 0], path])
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


def test_independent_labels_have_probabilities_of_their_own():
    logits = np.array([[0.0, 2.0, -1.0]], np.float32)

    plan = SimpleNamespace(probabilities="sigmoid")
    np.testing.assert_allclose(class_probabilities(plan, logits), 1 / (1 + np.exp(-logits)), rtol=1e-6)


def test_a_class_without_a_name_is_called_by_its_number():
    assert class_name(1, ["cat", "dog"]) == "dog"
    assert class_name(2, ["cat", "dog"]) == "2"
