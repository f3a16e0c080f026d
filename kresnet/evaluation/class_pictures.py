"""Some training images of each class, as a network gets them, for a page to show."""

from __future__ import annotations

import tensorflow as tf

from kresnet.data.sources import DataSet
from kresnet.data.survey.opened import places_of_classes
from kresnet.errors import KresnetError
from kresnet.evaluation.mistakes import picture_uri


def class_pictures(data: DataSet) -> dict[str, tuple[str, ...]]:
    """Return pictures of training images of the first classes or labels; of values, of some of all.

    Args:
        data: the data set.

    Returns:
        `data:` URIs, as `picture_uri` makes them, by class; nothing of vectors, nor of images that cannot be read.
    """
    if not data.train.input.is_image:
        return {}
    try:
        chosen = places_of_classes(data)
        images = {name: data.train.fetch(tf.constant(places, tf.int64))[0].numpy()
                  for name, places in chosen.items() if len(places)}  # fmt: skip
    except (KresnetError, tf.errors.OpError):  # an evaluation of the test images is whole without them
        return {}
    return {name: tuple(map(picture_uri, some)) for name, some in images.items()}


__all__ = ["class_pictures"]
