"""The records of prepared data: each a `tf.train.Example`, which TFDS, Grain and TensorFlow read as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def write_record(image: bytes, name: str, target: np.ndarray, kind: str) -> bytes:
    """Return an example as bytes.

    Args:
        image: an image file.
        name: what the example was called where it came from.
        target: class, integer `()`; labels or values, float `(...)`.
        kind: `classes`, `labels` or `values`.
    """
    stored = (
        {"label": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(target)]))}
        if kind == "classes"
        else {"target": tf.train.Feature(float_list=tf.train.FloatList(value=np.asarray(target, np.float32).ravel()))}
    )
    texts = {"image": image, "name": name.encode(errors="surrogateescape")}
    stored |= {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])) for key, text in texts.items()}
    features = tf.train.Features(feature=stored)
    return tf.train.Example(features=features).SerializeToString(deterministic=True)


def record_features(kind: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return how `tf.io.parse_example` reads image and target."""
    target = (
        {"label": tf.io.FixedLenFeature((), tf.int64)}
        if kind == "classes"
        else {"target": tf.io.FixedLenFeature(shape, tf.float32)}
    )
    return {"image": tf.io.FixedLenFeature((), tf.string), **target}


def record_texts(record: bytes) -> tuple[bytes, str]:
    """Return the image file and the name in a record."""
    feature = tf.train.Example.FromString(record).features.feature
    image, name = (feature[key].bytes_list.value[0] for key in ("image", "name"))
    return image, name.decode(errors="surrogateescape")


__all__ = ["record_features", "record_texts", "write_record"]
