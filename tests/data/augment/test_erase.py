"""Random erasing: the rectangle and nothing else, areas and proportions as told."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment.erase import RandomErasing
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import Erase

INPUT = Input(shape=(40, 32, 3), pixels=Pixels(mean=(0.5, 0.25, 0.0)))


@pytest.mark.parametrize("fill", ["noise", "mean", "black"])
def test_the_rectangle_and_nothing_else(fill: str) -> None:
    change = RandomErasing(Erase(probability=0.7, fill=fill), INPUT)
    images = np.random.default_rng(0).integers(1, 256, (64, 40, 32, 3), np.uint8)
    drawn = change.draw(CounterRng(0, 0, np.arange(64)))
    erased = change.apply(tf.constant(images), *map(tf.constant, drawn)).numpy()
    assert erased.dtype == np.uint8
    for image, result, (top, left, bottom, right) in zip(images, erased, drawn[0], strict=True):
        inside = result[top:bottom, left:right].copy()
        if fill == "noise" and inside.size > 600:
            assert abs(inside.mean() - 127.5) < 15
            assert abs(inside.std() - 74) < 10
        elif fill != "noise":
            assert (inside == ([128, 64, 0] if fill == "mean" else [0, 0, 0])).all()
        result[top:bottom, left:right] = image[top:bottom, left:right]
        np.testing.assert_array_equal(result, image)


def test_noise_differs_between_images() -> None:
    change = RandomErasing(Erase(probability=1.0, area=(0.5, 0.5), aspect=(1.0, 1.0)), INPUT)
    drawn = change.draw(CounterRng(0, 0, np.arange(50)))
    erased = change.apply(tf.zeros((50, 40, 32, 3), tf.uint8), *map(tf.constant, drawn)).numpy()
    rectangles = {
        erased[index, top : top + 8, left : left + 8].tobytes() for index, (top, left, _, _) in enumerate(drawn[0])
    }
    assert len(rectangles) == 50


def test_share_area_and_proportions() -> None:
    change = RandomErasing(Erase(probability=0.25), Input(shape=(400, 400, 3)))
    rectangles = change.draw(CounterRng(0, 0, np.arange(20_000)))[0]
    sides = rectangles[:, 2:] - rectangles[:, :2]
    taken = sides[:, 0] > 0
    np.testing.assert_allclose(taken.mean(), 0.25, atol=0.01)
    area, aspect = sides[taken].prod(axis=1) / 400**2, sides[taken, 0] / sides[taken, 1]
    assert (area.min() > 0.019) & (area.max() < 0.337)
    assert (aspect.min() > 0.29) & (aspect.max() < 3.4)
    np.testing.assert_allclose([area.mean(), np.log(aspect).mean()], [(0.02 + 1 / 3) / 2, 0], atol=0.02)
    assert (rectangles >= 0).all()
    assert (rectangles[:, 2:] <= 400).all()


def test_what_never_fits_leaves_images_whole() -> None:
    change = RandomErasing(Erase(probability=1.0, area=(1.0, 1.0), aspect=(1.0, 1.0)), INPUT)
    assert not change.draw(CounterRng(0, 0, np.arange(9)))[0].any()
