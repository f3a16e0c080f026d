"""A registered change of images is a function of the seed, the epoch and the example, as those that ship."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.data.augment.registered import RegisteredTransform
from kresnet.data.counter_rng import CounterRng
from tests.outside_recipe import Darken, darken, draw_darkness

IMAGES = tf.fill((3, 8, 8, 1), tf.constant(200, tf.uint8))


def changed(seed, positions, place=0, apply=darken):
    transform = RegisteredTransform((draw_darkness, apply), Darken(kind="darken"), place)
    images = transform.apply(IMAGES, *transform.draw(CounterRng(seed, 0, np.array(positions))))
    assert images.dtype == tf.uint8
    return images.numpy()[:, 0, 0, 0]


def test_it_is_a_function_of_seed_and_example_whatever_batch_that_comes_in():
    np.testing.assert_array_equal(changed(1, [5, 6, 7]), changed(1, [7, 6, 5])[::-1])
    assert len({*changed(1, [5, 6, 7]), *changed(2, [5, 6, 7])}) > 3
    assert 100 <= changed(1, [5, 6, 7]).min() <= changed(1, [5, 6, 7]).max() <= 200


def test_two_changes_draw_numbers_of_their_own():
    assert (changed(1, [5, 6, 7]) != changed(1, [5, 6, 7], place=1)).any()


def test_what_leaves_the_range_of_pixels_is_cut_off():
    assert (
        changed(1, [5, 6, 7], apply=lambda settings, images, factors: tf.cast(images, tf.float32) * 9).tolist()
        == [255] * 3
    )
