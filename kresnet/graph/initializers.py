"""Initial kernels. Normal ones are drawn through a table of quantiles, six times as fast as TensorFlow draws them."""

from __future__ import annotations

from functools import cache
from math import prod, sqrt
from statistics import NormalDist
from typing import Any

import keras
import numpy as np

#: Equally probable values that a normal number is drawn from; their deviation is exactly 1 before scaling.
LEVELS = 2**16


@keras.saving.register_keras_serializable(package="kresnet")
class ScaledNormal(keras.initializers.Initializer):
    """Normal numbers of variance `scale / fan` (He et al. 2015, arXiv:1502.01852, eq. 10; Glorot and Bengio 2010).

    Args:
        scale: 2 for rectifiers, 1 for linear or saturating units.
        fan: `fan_in`, `fan_out`, `fan_avg`, the mean of the two, or `one`, whatever the shape.
        truncated: nothing beyond two deviations, the variance being that of what remains.
        seed: the same seed and shape give the same kernel.
    """

    def __init__(self, scale: float, fan: str, truncated: bool, seed: int) -> None:
        self.scale, self.fan, self.truncated, self.seed = scale, fan, truncated, seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return a kernel `(..., inputs, outputs)`; the axes before are the window."""
        fan_in, fan_out = prod(shape[:-1]), prod(shape[:-2]) * shape[-1]
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2, "one": 1}[self.fan]
        table = _quantiles(self.truncated) * np.float32(sqrt(self.scale / fan))
        bits = np.random.Generator(np.random.SFC64(self.seed)).bytes(2 * prod(shape))
        values = np.take(table, np.frombuffer(bits, np.uint16)).reshape(shape)
        return keras.ops.convert_to_tensor(values, dtype=dtype or "float32")

    def stock(self) -> keras.initializers.Initializer:
        """Return Keras's own initializer of the same distribution, which draws other numbers."""
        if self.fan == "one":
            return keras.initializers.RandomNormal(stddev=sqrt(self.scale), seed=self.seed)
        distribution = "truncated_normal" if self.truncated else "untruncated_normal"
        return keras.initializers.VarianceScaling(self.scale, self.fan, distribution, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "fan": self.fan, "truncated": self.truncated, "seed": self.seed}


@cache
def _quantiles(truncated: bool) -> np.ndarray:
    """The middle of each of `LEVELS` equally probable intervals of a normal variable, float32 `(LEVELS,)`."""
    normal = NormalDist()
    low, high = (normal.cdf(-2.0), normal.cdf(2.0)) if truncated else (0.0, 1.0)
    table = np.array([normal.inv_cdf(low + (high - low) * (level + 0.5) / LEVELS) for level in range(LEVELS)])
    return (table / table.std()).astype(np.float32)


#: What the names of a spec mean: scale, fan, and distribution. PyTorch's fan-out form is not truncated.
_NAMED = {
    "he_normal": (2.0, "fan_in", "truncated"),
    "he_normal_fan_out": (2.0, "fan_out", "untruncated"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "truncated"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated"),
    "normal": (0.02**2, "one", "untruncated"),
}


def make_initializer(name: str, seed: int, *, channels_apart: int = 1) -> keras.initializers.Initializer:
    """Return the initializer that a spec's `convolution.initializer` names.

    Args:
        name: its name there.
        seed: the same seed and shape give the same kernel.
        channels_apart: of a kernel `(h, w, C, 1)` that convolves each channel by itself, C: each reads, and is read by,
            the `h * w` numbers of its own window alone.
    """
    scale, fan, distribution = _NAMED[name]
    if channels_apart > 1 and fan != "one":
        scale, fan = scale * channels_apart, "fan_in"
    if distribution == "uniform":
        return keras.initializers.VarianceScaling(scale, fan, "uniform", seed=seed)
    return ScaledNormal(scale, fan, distribution == "truncated", seed)
