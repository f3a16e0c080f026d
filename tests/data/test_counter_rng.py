"""The counter-based generator against its authors' and TensorFlow's numbers; dice that belong to examples."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.counter_rng import CounterRng, RandomStream, philox


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_known_answers_of_random123(counter: str, key: str, expected: str) -> None:
    def words(text: str) -> np.ndarray:
        return np.array([int(word, 16) for word in text.split()], np.uint64)

    np.testing.assert_array_equal(philox(words(counter), words(key)), words(expected))


def test_agrees_with_tensorflow() -> None:
    theirs = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[40],
        key=tf.constant([5 + (9 << 32)], tf.uint64),
        counter=tf.constant([3, 7], tf.uint64),
        alg=1,
        dtype=tf.uint32,
    )
    counter = np.stack([np.arange(3, 13), np.zeros(10), np.full(10, 7), np.zeros(10)], axis=1).astype(np.uint64)
    np.testing.assert_array_equal(philox(counter, np.array([5, 9], np.uint64)).ravel(), theirs.numpy())


def test_dice_belong_to_examples() -> None:
    positions = np.random.default_rng(0).permutation(1000)
    whole = CounterRng(3, 5, positions)
    part = CounterRng(3, 5, positions[100:130])
    for count in (1, 4, 7):
        np.testing.assert_array_equal(
            whole.uniform(RandomStream.ERASE, count)[100:130], part.uniform(RandomStream.ERASE, count)
        )
    np.testing.assert_array_equal(whole.uniform(RandomStream.FLIP, 7)[:, :3], whole.uniform(RandomStream.FLIP, 3))


def test_every_seed_epoch_stream_and_position_has_its_own() -> None:
    drawn = [
        tuple(CounterRng(seed, epoch, np.array([position])).uniform(stream, 3)[0])
        for seed in (0, 1, 2**31 - 1)
        for epoch in (0, 1)
        for stream in (RandomStream.SHIFT, RandomStream.FLIP)
        for position in (0, 1, 2**33)
    ]
    assert len(set(drawn)) == len(drawn)


def test_distributions() -> None:
    dice = CounterRng(0, 0, np.arange(50_000))
    uniform, integers, normal = (
        dice.uniform(RandomStream.CROP, 2),
        dice.integers(RandomStream.SHIFT, 9, 2),
        dice.normal(RandomStream.COLOR, 2),
    )
    assert uniform.dtype == np.float32
    assert (uniform.min() >= 0) & (uniform.max() < 1)
    np.testing.assert_allclose(np.histogram(uniform, 10, (0, 1))[0], 10_000, rtol=0.05)
    np.testing.assert_allclose(np.bincount(integers.ravel()), 100_000 / 9, rtol=0.05)
    np.testing.assert_allclose([normal.mean(), normal.std(), (normal**4).mean()], [0, 1, 3], atol=0.06)
    assert abs(np.corrcoef(uniform.T)[0, 1]) < 0.02
    assert dice.uniform(RandomStream.CROP, 0).shape == (50_000, 0)
    assert CounterRng(0, 0, np.empty(0, np.int64)).normal(RandomStream.CROP, 3).shape == (0, 3)
