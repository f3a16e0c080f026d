"""The average of the weights against TensorFlow's moving average and Keras's EMA."""

import keras
import numpy as np
import tensorflow as tf

from kresnet.training.step.averaging import WeightAverage


def model(value: float) -> keras.Model:
    inputs = keras.Input((2,))
    made = keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(2, use_bias=False)(inputs)))
    for weight in made.weights:
        weight.assign(np.full(weight.shape, value))
    return made


def averages(values, **settings) -> list[np.ndarray]:
    """The averaged weights after each of `values` was every weight's, from 1.0 on."""
    source, held = model(1.0), model(0.0)
    average = WeightAverage(source, held, **settings)
    found = []
    for updates, value in enumerate(values, start=1):
        for weight in source.weights:
            weight.assign(np.full(weight.shape, value))
        average.update(tf.constant(updates, tf.int64))
        found.append([weight.numpy() for weight in held.weights])
    return found


def test_the_average_is_tensorflows_moving_average_with_its_number_of_updates():
    values = [2.0, 4.0, -1.0, 3.0]
    theirs, reference = tf.train.ExponentialMovingAverage(0.3, num_updates=tf.Variable(1)), tf.Variable(1.0)
    expected = 1.0
    for n, (found, value) in enumerate(zip(averages(values, decay=0.3, start=0, warmup=True), values, strict=True), 1):
        decay = min(0.3, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
        for weights in found:
            np.testing.assert_allclose(weights, expected, rtol=1e-6)
    theirs.apply([reference])
    reference.assign(2.0)
    theirs.apply([reference])  # num_updates 1: (1 + 1) / (10 + 1)
    first = averages([2.0], decay=0.3, start=0, warmup=True)[0][0]
    np.testing.assert_allclose(first, float(theirs.average(reference)), rtol=1e-6)


def test_the_average_is_keras_ema_without_warmup():
    variable = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.9)
    optimizer.build([variable])
    for value in (1.0, 2.0, 4.0):  # the first call makes Keras's average the variable itself
        optimizer.apply([tf.constant(float(variable.numpy()) - value)], [variable])
    found = averages([1.0, 2.0, 4.0], decay=0.9, start=1, warmup=False)[-1]
    for weights in found:
        np.testing.assert_allclose(weights, float(optimizer._model_variables_moving_average[0].numpy()), rtol=1e-6)


def test_until_its_start_the_average_is_a_copy():
    found = averages([5.0, 7.0, 9.0], decay=0.5, start=2, warmup=False)
    assert [float(step[0].flat[0]) for step in found] == [5.0, 7.0, 8.0]
