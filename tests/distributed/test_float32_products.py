"""Float32 products as a recipe asks for them: on GPUs by TensorFlow's switch, on CPUs by oneDNN's variable."""

from __future__ import annotations

import os

import pytest
import tensorflow as tf
from pydantic import ValidationError

from kresnet.distributed import float32_products
from kresnet.distributed.devices import choose_kernels
from kresnet.distributed.float32_products import describe_float32_products, rounds_float32
from kresnet.errors import KresnetError
from kresnet.spec.loading import load_recipe
from kresnet.spec.recipe import Recipe

VARIABLE = "TF_SET_ONEDNN_FPMATH_MODE"


def recipe(choice: str) -> Recipe:
    return load_recipe("quickstart", [f"float32_products={choice}"]).value


@pytest.mark.parametrize(("choice", "enabled"), [("exact", False), ("fast", True), ("auto", True)])
def test_a_gpu_is_told_by_tensorflow(monkeypatch, choice, enabled):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.delenv(VARIABLE, raising=False)
    try:
        choose_kernels(recipe(choice))
        assert tf.config.experimental.tensor_float_32_execution_enabled() == enabled
        assert VARIABLE not in os.environ
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)


@pytest.mark.parametrize(("choice", "before", "after"), [
    ("exact", "BF16", None), ("fast", None, "BF16"), ("auto", "BF16", "BF16"), ("auto", None, None),
])  # fmt: skip
def test_a_cpu_is_told_by_onednn(monkeypatch, choice, before, after):
    monkeypatch.delenv(VARIABLE, raising=False)
    if before:
        monkeypatch.setenv(VARIABLE, before)
    choose_kernels(recipe(choice))
    assert os.environ.get(VARIABLE) == after


def test_rounding_is_seen_in_what_comes_out(monkeypatch):
    assert not rounds_float32()
    convolve = tf.nn.conv2d

    def rounded(images, kernel, *given):
        images, kernel = (tf.cast(tf.cast(each, tf.bfloat16), tf.float32) for each in (images, kernel))
        return convolve(images, kernel, *given)

    monkeypatch.setattr(tf.nn, "conv2d", rounded)
    assert rounds_float32()
    assert describe_float32_products("fast") == "products rounded to bfloat16"
    with pytest.raises(KresnetError, match="has begun to round") as caught:
        choose_kernels(recipe("exact"))
    assert caught.value.problems[0].code == "environment"


def test_what_came_out_is_told():
    assert describe_float32_products("auto") == ""
    assert describe_float32_products("exact") == "exact products"
    assert describe_float32_products("fast").endswith("no faster ones") or float32_products.rounds_float32()


def test_products_of_sixteen_bits_are_no_float32_products():
    with pytest.raises((KresnetError, ValidationError), match="no float32 numbers are multiplied"):
        load_recipe("quickstart", ["float32_products=fast", "precision=bfloat16"])
