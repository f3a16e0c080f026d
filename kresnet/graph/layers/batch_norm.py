"""Batch normalisation through TensorFlow's fused kernel, with Keras's semantics and weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled


@keras.saving.register_keras_serializable(package="kresnet", name="FusedBatchNorm")
class FusedBatchNorm(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` over the last axis, one kernel a pass instead of a dozen.

    y = gamma * (x - mean) / sqrt(variance + epsilon) + beta (Ioffe and Szegedy 2015, Algorithm 1), where mean and
    (biased) variance are the batch's in training and the moving ones otherwise. The weights are those of the stock
    layer, in its order, so either layer loads what the other saved. A frozen layer (`trainable = False`) computes as
    in inference, as in stock Keras.

    Input and output: `(N, H, W, C)` or `(N, C)`, float32, bfloat16 or float16; weights and statistics are float32.
    A channel of one value normalises to beta and has variance 0, which is Keras's formula; an empty batch, of which
    that formula makes NaN, leaves the moving statistics as they are.

    Under `tf.distribute` each replica normalises by its own batch and the moving statistics take the replicas' mean;
    with `synchronized` the statistics are those of the global batch. That mean is two collectives a layer, unless
    `averages` leaves it to whoever runs the step.

    Attributes:
        fused: False to compute batch statistics by plain operations, for XLA: it makes kernels of its own, and its form
            of the fused one takes E[x²] − E[x]², which at mean 100 and deviation 0.05 is NaN after a square root
            (tensorflow#118701).
        averages: False to move the statistics of each replica by its own batch, for whoever runs the step to average
            those of all layers at once.
        rectifies: True to apply the ReLU that follows too, in training and where `fused` is False: the backward pass
            then sees from x where it cut, and need not read its output.

    Raises:
        ValueError: for settings of the stock layer that the kernel lacks: an axis other than the last, no gamma, no
            beta, renorm; and for a mask.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fused, self.averages, self.rectifies = True, True, False
        if self.axis != -1 or not self.center or not self.scale or getattr(self, "renorm", False):
            raise ValueError(
                "FusedBatchNorm has a gamma and a beta for the last axis, and no renorm; "
                "for other settings there is keras.layers.BatchNormalization"
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create gamma, beta and the moving statistics, each of shape `(C,)` and exempt from autocasting."""
        common = {"shape": (input_shape[-1],), "autocast": False}
        for name in ("gamma", "beta"):
            settings = {key: getattr(self, f"{name}_{key}") for key in ("initializer", "regularizer", "constraint")}
            setattr(self, name, self.add_weight(name=name, **settings, **common))
        for name in ("moving_mean", "moving_variance"):
            settings = {"initializer": getattr(self, f"{name}_initializer"), "trainable": False, "aggregation": "mean"}
            setattr(self, name, self.add_weight(name=name, **settings, **common))
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise; in training, also move the statistics."""
        if mask is not None:
            raise ValueError("FusedBatchNorm has no masks")
        x = inputs if len(inputs.shape) == 4 else inputs[:, None, None, :]  # the kernel takes maps only
        gamma, beta, epsilon = self.gamma.value, self.beta.value, self.epsilon
        context = tf.distribute.get_replica_context() if self.synchronized else None
        if not (training and self.trainable):
            y = _normalize_frozen(x, gamma, beta, self.moving_mean.value, self.moving_variance.value, epsilon)
        elif context is not None and context.num_replicas_in_sync > 1:
            y, *statistics = _normalize_synchronized(x, gamma, beta, epsilon, context)
            self._update_moving_statistics(*statistics)
        else:
            normalize = _normalize_fused if self.fused else partial(_normalize_unfused, rectify=self.rectifies)
            y, *statistics = normalize(x, gamma, beta, epsilon)
            self._update_moving_statistics(*statistics)
        return tf.reshape(y, tf.shape(inputs)) if x is not inputs else y

    def _update_moving_statistics(self, mean: Any, variance: Any, count: Any) -> None:
        """Keras's formula, momentum · moving + (1 − momentum) · batch; no values, no move."""
        keep = tf.where(count > 0, self.momentum, 1.0)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            value = keep * moving + (1.0 - keep) * value
            if self.averages or not hasattr(moving.value, "handle"):  # a value of `keras.StatelessScope` has none
                moving.assign(value)
            else:
                assign_locally(moving, value)


def assign_locally(variable: keras.Variable, value: Any) -> None:
    """Give this replica's copy of a variable a value, and ask no other replica."""
    tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=value)


#: Batch statistics by plain operations are taken about the mean of one example in so many.
_SHARE = 16

#: Keras names a layer's part of a file of weights after the layer's class; under this name either finds the other's.
FusedBatchNorm.__name__ = keras.layers.BatchNormalization.__name__


def _scale_and_shift(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, epsilon: float) -> Any:
    """The map gamma · (x − mean) / sqrt(variance + epsilon) + beta, in the type of x."""
    mean, variance = tf.convert_to_tensor(mean), tf.convert_to_tensor(variance)
    y, _, _ = tf.compat.v1.nn.fused_batch_norm(
        x, gamma, beta, mean=mean, variance=variance, epsilon=epsilon, is_training=False
    )
    return y


def _normalize_frozen(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, epsilon: float) -> Any:
    """`_scale_and_shift` by statistics that do not depend on x, for whatever gradient may be taken."""
    if not _fused_gradient_refuses():
        return _scale_and_shift(x, gamma, beta, mean, variance, epsilon)
    mean, variance = tf.convert_to_tensor(mean), tf.convert_to_tensor(variance)

    @tf.custom_gradient
    def normalize(x: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        y = _scale_and_shift(x, gamma, beta, mean, variance, epsilon)
        return y, lambda dy: _scale_and_shift_gradients(dy, x, gamma, mean, variance, epsilon)

    return normalize(x, gamma, beta)


def _scale_and_shift_gradients(
    dy: Any, x: Any, gamma: Any, mean: Any, variance: Any, epsilon: float
) -> tuple[Any, Any, Any]:
    """Gradients of `_scale_and_shift` by x, gamma and beta: the fused kernel's, or by plain operations."""
    if not _fused_gradient_refuses():
        local = tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=dy,
            x=x,
            scale=gamma,
            reserve_space_1=mean,
            reserve_space_2=variance,
            reserve_space_3=tf.zeros_like(mean),
            epsilon=epsilon,
            is_training=False,
        )
        return local.x_backprop, local.scale_backprop, local.offset_backprop
    scale, dy32 = tf.math.rsqrt(variance + epsilon), tf.cast(dy, tf.float32)
    normalized = (tf.cast(x, tf.float32) - mean) * scale
    d_gamma, d_beta = (tf.reduce_sum(each, (0, 1, 2)) for each in (dy32 * normalized, dy32))
    return tf.cast(dy32 * (gamma * scale), x.dtype), d_gamma, d_beta


def _fused_gradient_refuses() -> bool:
    """Whether the fused kernel's gradient by given statistics raises: on a GPU that is to be deterministic, it does."""
    return is_op_determinism_enabled() and bool(tf.config.list_logical_devices("GPU"))


def _normalize_fused(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any, Any]:
    """Of x by its own statistics: y; mean and biased variance, float32 `(C,)`; number of values a channel, float32."""
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon, is_training=True)
    count = _count(x)
    # The kernel returns NaN for no values. It applies Bessel's correction to the variance, which is NaN on a GPU for
    # one value (tensorflow#34062), and below zero under XLA where rounding makes it so (tensorflow#118701).
    mean = tf.where(count > 0, mean, 0.0)
    variance = tf.where(count > 1, tf.maximum(variance, 0.0) * ((count - 1.0) / count), 0.0)
    return y, mean, variance, count


def _normalize_unfused(
    x: Any, gamma: Any, beta: Any, epsilon: float, *, rectify: bool = False
) -> tuple[Any, Any, Any, Any]:
    """`_normalize_fused` by operations that XLA fuses: two passes over x forward, and two over x and dy backward.

    `rectify` makes y the ReLU of it, whose derivative is computed from x as well. TensorFlow's gradient of the plain
    formula would need one pass more, for a sum that is zero by definition.
    """
    total = tf.maximum(_count(x), 1.0)

    @tf.custom_gradient
    def normalize(x: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        pivot = _mean_of_a_share(x)
        offset, variance = _moments_about(x, pivot, total)
        scale = tf.math.rsqrt(variance + epsilon)

        def normalized() -> Any:
            return ((tf.cast(x, tf.float32) - pivot) - offset) * scale

        def backward(dy: Any, *_: Any) -> tuple[Any, Any, Any]:
            """With x̂ computed again: dx = gamma/sqrt(variance + epsilon) · (dy − mean(dy) − x̂ · mean(dy·x̂))."""
            dy32, xhat = tf.cast(dy, tf.float32), normalized()
            if rectify:
                dy32 = tf.where(xhat * gamma + beta > 0.0, dy32, 0.0)
            d_beta, d_gamma = tf.reduce_sum(dy32, (0, 1, 2)), tf.reduce_sum(dy32 * xhat, (0, 1, 2))
            dx = (gamma * scale) * (dy32 - d_beta / total - xhat * (d_gamma / total))
            return tf.cast(dx, x.dtype), d_gamma, d_beta

        y = normalized() * gamma + beta
        y = tf.cast(tf.nn.relu(y) if rectify else y, x.dtype)
        return (y, pivot + offset, variance), backward

    return (*normalize(x, gamma, tf.convert_to_tensor(beta)), _count(x))


def _mean_of_a_share(x: Any) -> Any:
    """Means of the channels over the first sixteenth of the batch (one example at least), float32 `(C,)`."""
    share = x[: tf.maximum(tf.shape(x)[0] // _SHARE, 1)]
    return tf.reduce_sum(tf.cast(share, tf.float32), (0, 1, 2)) / tf.maximum(_count(share), 1.0)


def _moments_about(x: Any, pivot: Any, total: Any) -> tuple[Any, Any]:
    """Mean of x less the pivot, and biased variance of x, in one pass: float32 `(C,)` each.

    E[(x − p)²] − E[x − p]² cancels no more than a few bits: where p is the mean of a share s of the values, the
    variance is at least s·(p − mean)², so that neither term is more than 1 + 1/s variances.
    """
    centered = tf.cast(x, tf.float32) - pivot
    mean, square = (tf.reduce_sum(each, (0, 1, 2)) / total for each in (centered, tf.square(centered)))
    return mean, tf.maximum(square - tf.square(mean), 0.0)


def _count(x: Any) -> Any:
    """Number of values a channel, a float32 scalar."""
    static = x.shape[:-1].num_elements()
    return tf.cast(tf.reduce_prod(tf.shape(x)[:-1]) if static is None else static, tf.float32)


def _normalize_synchronized(x: Any, gamma: Any, beta: Any, epsilon: float, context: Any) -> tuple[Any, Any, Any, Any]:
    """`_normalized` by the statistics of all replicas' values: one all-reduce forward, one backward, fused kernels."""

    @tf.custom_gradient
    def normalize(x: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        mean, variance, count = _global_statistics(x, epsilon, context)

        def backward(dy: Any, *_: Any) -> tuple[Any, Any, Any]:
            """With means over all replicas: dx = gamma/sqrt(variance + epsilon) · (dy − mean(dy) − x̂ · mean(dy·x̂))."""
            local, d_gamma, d_beta = _scale_and_shift_gradients(dy, x, gamma, mean, variance, epsilon)
            sums = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack([d_gamma, d_beta]))
            slope, offset = tf.unstack(tf.math.divide_no_nan(-gamma * tf.math.rsqrt(variance + epsilon) * sums, count))
            return local + _scale_and_shift(x, slope, offset, mean, variance, epsilon), d_gamma, d_beta

        return (_scale_and_shift(x, gamma, beta, mean, variance, epsilon), mean, variance, count), backward

    y, mean, variance, count = normalize(x, gamma, beta)
    return y, mean, variance, count


def _global_statistics(x: Any, epsilon: float, context: Any) -> tuple[Any, Any, Any]:
    """Mean, biased variance and number of the values of all replicas.

    Each replica puts its own into its row of a table, and the sum of the tables tells everyone everything. Adding up
    sums of squares instead would be shorter by a factor of the number of replicas, and would cancel: at mean 100 and
    deviation 0.05 nothing of the variance is left in float32.
    """
    channels, replicas = x.shape[-1], context.num_replicas_in_sync
    _, mean, variance, count = _normalize_fused(x, tf.ones(channels), tf.zeros(channels), epsilon)
    own = tf.one_hot(context.replica_id_in_sync_group, replicas)[:, None]
    table = own * tf.concat([mean, variance, [count]], axis=0)  # (replicas, 2C + 1)
    table = context.all_reduce(tf.distribute.ReduceOp.SUM, table)
    means, variances, counts = tf.split(table, [channels, channels, 1], axis=1)
    count = tf.reduce_sum(counts)
    shares = tf.math.divide_no_nan(counts, count)
    mean = tf.reduce_sum(shares * means, axis=0)
    variance = tf.reduce_sum(shares * (variances + tf.square(means - mean)), axis=0)
    return mean, variance, count
