"""How this process multiplies float32 numbers: exactly, or rounded to fewer bits first, which some units do faster."""

from __future__ import annotations

import os

import tensorflow as tf

from kresnet.errors import make_error

#: What oneDNN rounds operands to on a CPU. TensorFlow reads it once, before a process's first product.
_ONEDNN_MODE = "TF_SET_ONEDNN_FPMATH_MODE"


def choose_float32_products(choice: str) -> None:
    """Set how float32 numbers are multiplied from now on.

    Args:
        choice: a recipe's `float32_products`; `auto` leaves the process as it is.

    Raises:
        KresnetError: `environment` where `exact` is asked for of a process that has begun to round.
    """
    if choice == "auto":
        return
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_tensor_float_32_execution(choice == "fast")
    elif choice == "fast":
        os.environ[_ONEDNN_MODE] = "BF16"
    else:
        os.environ.pop(_ONEDNN_MODE, None)
    if choice == "exact" and rounds_float32():
        message = "`float32_products: exact` was asked for, and this process has begun to round what it multiplies."
        raise make_error("environment", message, path="recipe.float32_products", remedy="start another process")


def rounds_float32() -> bool:
    """Return whether a convolution rounds its float32 operands: by a number that needs 13 bits, which TF32 has not."""
    value = 1 + 2**-12
    images, kernel = tf.fill((1, 16, 16, 64), value), tf.ones((3, 3, 64, 64))
    outputs = tf.nn.conv2d(images, kernel, 1, "VALID")
    return bool(tf.reduce_max(tf.abs(outputs / (9 * 64) - value)) > 2**-13)


def describe_float32_products(choice: str) -> str:
    """Return how products of float32 numbers came out, for people; empty for `auto`."""
    if choice == "auto":
        return ""
    if rounds_float32():
        return "products rounded to " + ("TF32" if tf.config.list_physical_devices("GPU") else "bfloat16")
    return "exact products" if choice == "exact" else "exact products, as this device has no faster ones"


__all__ = ["choose_float32_products", "describe_float32_products", "rounds_float32"]
