"""The one place where pixel values become what a network computes with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kresnet")
class NormalizePixels(keras.layers.Layer):
    """Maps RGB (or grey) values 0-255 to `(low + value/255 · (high − low) − mean) / std`, and may reorder channels.

    It is part of the model, so that training, evaluation, prediction and serving cannot disagree about it.
    Input: `(N, H, W, C)`, any real type. Output: the same shape in the layer's compute type.
    """

    def __init__(
        self,
        range: tuple[float, float] = (0.0, 1.0),
        mean: tuple[float, ...] = (0.0,),
        std: tuple[float, ...] = (1.0,),
        channel_order: str = "rgb",
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # a mean is subtracted in float32, whatever follows
        self.settings = {"range": list(range), "mean": list(mean), "std": list(std), "channel_order": channel_order}
        low, high = range
        self._scale = np.float32((high - low) / 255.0) / np.asarray(std, np.float32)
        self._offset = (np.float32(low) - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, "float32")
        if self.settings["channel_order"] == "bgr":
            x = ops.concatenate(ops.split(x, 3, axis=-1)[::-1], axis=-1)  # LiteRT has a reversal of floats alone
        return ops.cast(x * self._scale + self._offset, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("autocast", None)
        return config | self.settings
