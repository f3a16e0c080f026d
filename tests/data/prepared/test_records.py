"""Records: what TensorFlow's own parser reads of them."""

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.prepared.records import record_features, record_texts, write_record


@pytest.mark.parametrize(
    ("kind", "target"),
    [("classes", np.int32(7)), ("labels", np.array([0, 1, 1], np.float32)), ("values", np.float32([[0.5], [-1e9]]))],
)
def test_image_name_and_target_come_back(kind, target):
    record = write_record(b"an image", "dog/\udcff é.jpg", target, kind)
    assert record_texts(record) == (b"an image", "dog/\udcff é.jpg")
    example = tf.io.parse_example([record], record_features(kind, np.shape(target)))
    assert example["image"].numpy().tolist() == [b"an image"]
    np.testing.assert_array_equal(example["label" if kind == "classes" else "target"][0], target)
