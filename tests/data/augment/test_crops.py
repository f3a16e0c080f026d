"""Where random crops lie, against torchvision's rule written out in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment.crops import ATTEMPTS, make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import RescaledCrop, ResizedCrop

RESIZED, RESCALED = ResizedCrop(kind="resized"), RescaledCrop(kind="rescaled", shorter_side=(32, 48))


def torchvision_rule(numbers: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
    """`RandomResizedCrop.get_params`, with given random numbers."""
    for attempt in range(ATTEMPTS):
        area = height * width * (0.08 + 0.92 * numbers[2 + attempt])
        aspect = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * numbers[2 + ATTEMPTS + attempt])
        wide, tall = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < wide <= width and 0 < tall <= height:
            return int(numbers[0] * (height - tall + 1)), int(numbers[1] * (width - wide + 1)), tall, wide
    wide, tall = width, height
    if width / height < 3 / 4:
        tall = round(width / (3 / 4))
    elif width / height > 4 / 3:
        wide = round(height * (4 / 3))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


@pytest.mark.parametrize("size", [(48, 60), (300, 200), (10, 100), (100, 10), (1, 1)])
def test_boxes_are_torchvisions(size: tuple[int, int]) -> None:
    random_crop = make_random_crop(RESIZED, Input(shape=(32, 32, 3)))
    numbers = random_crop.draw(CounterRng(0, 0, np.arange(300)))
    ours = random_crop.boxes(tf.constant(numbers), *size).numpy()
    theirs = np.array([torchvision_rule(row.astype(float), *size) for row in numbers])
    assert (ours == theirs).all(axis=1).mean() > 0.99  # float32 rounds a few sides the other way
    assert (np.abs(ours - theirs).max(axis=1) <= 1).mean() > 0.99


def test_rescaled_boxes_are_cuts_of_a_resized_image() -> None:
    random_crop = make_random_crop(RESCALED, Input(shape=(32, 24, 3)))
    boxes = random_crop.boxes(tf.constant(random_crop.draw(CounterRng(0, 0, np.arange(4000)))), 100, 300).numpy()
    sides = np.rint(100 * 32 / boxes[:, 2])  # the resized image's shorter side
    assert set(sides) == set(range(32, 49))
    np.testing.assert_allclose(np.bincount(sides.astype(int))[32:], 4000 / 17, rtol=0.25)
    np.testing.assert_allclose(boxes[:, 3] * sides / 100, 24, rtol=0.02)
    assert boxes[:, :2].min() == 0
    assert (boxes[:, :2] + boxes[:, 2:] <= (100.001, 300.001)).all()
    offsets = boxes[:, 0] * sides / 100
    np.testing.assert_allclose(offsets, np.rint(offsets), atol=1e-3)


def test_a_part_larger_than_the_image_is_refused() -> None:
    with pytest.raises(KresnetError, match="at least 64") as caught:
        make_random_crop(RESCALED, Input(shape=(64, 48, 3)))
    assert caught.value.problems[0].code == "contradiction"
