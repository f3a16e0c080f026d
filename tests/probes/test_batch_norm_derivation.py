"""The derivation itself: both forms, and differences, on numbers that are hard."""

import numpy as np
import pytest
import tensorflow as tf

from kresnet.probes.batch_norm_derivation import batch_statistics, central_differences, compact_form, long_form

EPSILON = 1e-5


def numbers(m=40, channels=3, mean=0.0, deviation=1.0):
    random = np.random.default_rng(0)
    x = tf.constant(mean + deviation * random.standard_normal((m, channels)))
    dy = tf.constant(random.standard_normal((m, channels)))
    return x, dy, tf.constant(random.standard_normal(channels)), tf.constant(random.standard_normal(channels))


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (100.0, 0.05), (-3.0, 1e-4), (0.0, 1e3)])
def test_both_forms_and_autodiff_agree(mean, deviation):
    x, dy, gamma, beta = numbers(mean=mean, deviation=deviation)
    found = batch_statistics(x, EPSILON)
    with tf.GradientTape() as tape:
        tape.watch([x, gamma, beta])
        average, variance = tf.nn.moments(x, [0])
        y = gamma * (x - average) / tf.sqrt(variance + EPSILON) + beta
    automatic = tape.gradient(y, [x, gamma, beta], output_gradients=dy)
    for form in (long_form(found, dy, gamma), compact_form(found, dy, gamma)):
        for derived, expected in zip((form.x, form.gamma, form.beta), automatic, strict=True):
            scale = np.abs(expected).max()
            np.testing.assert_allclose(derived, expected, rtol=0, atol=1e-9 * scale)


def test_differences_agree_entry_by_entry():
    x, dy, gamma, beta = numbers()
    derived = long_form(batch_statistics(x, EPSILON), dy, gamma)
    for row in range(0, 40, 7):
        slopes = central_differences(x, dy, gamma, beta, EPSILON, tf.constant([row] * 3))
        np.testing.assert_allclose(slopes.x, derived.x[row], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(slopes.gamma, derived.gamma, rtol=1e-9)
        np.testing.assert_allclose(slopes.beta, derived.beta, rtol=1e-9)


def test_halves_of_a_batch_give_the_whole_with_totals():
    """What two replicas compute together, played through one after the other by a list of partial sums."""
    x, dy, gamma, _ = numbers()
    whole = compact_form(batch_statistics(x, EPSILON), dy, gamma)
    halves = [slice(0, 16), slice(16, 40)]

    def total(tensor):
        # Each sum over a half is completed by the other half's, which has the same formula.
        return tensor if tensor is None else tensor + missing.pop(0)

    mean = tf.reduce_mean(x, 0)
    deviation = x - mean
    inverse = batch_statistics(x, EPSILON).inverse_std
    for part, rest in (halves, halves[::-1]):
        missing = [
            tf.cast(tf.shape(x[rest])[0], tf.float64),
            tf.reduce_sum(x[rest], 0),
            tf.reduce_sum(deviation[rest] ** 2, 0),
            tf.reduce_sum(dy[rest], 0),
            tf.reduce_sum(dy[rest] * deviation[rest] * inverse, 0),
        ]
        found = batch_statistics(x[part], EPSILON, total)
        np.testing.assert_allclose(compact_form(found, dy[part], gamma, total).x, whole.x[part], rtol=1e-9, atol=1e-12)


def test_what_the_derivation_gives_is_orthogonal_to_constants_and_nearly_to_xhat():
    """A shift of x changes nothing; a stretch changes nothing but through epsilon."""
    x, dy, gamma, _ = numbers()
    found = batch_statistics(x, EPSILON)
    dx = compact_form(found, dy, gamma).x
    np.testing.assert_allclose(tf.reduce_sum(dx, 0), 0.0, atol=1e-12)
    np.testing.assert_allclose(tf.reduce_sum(dx * found.centred, 0), 0.0, atol=1e-3)
