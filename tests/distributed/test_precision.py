"""What `precision: auto` becomes on processors and GPUs that have units for bfloat16, and on those that do not."""

from pathlib import Path

import pytest
import tensorflow as tf

from kresnet.distributed.precision import Precision, resolve_precision


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_stated_precision_stands_without_a_reason(precision):
    assert str(resolve_precision(precision)) == precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512_bf16 amx_tile amx_bf16", "bfloat16 (auto: the CPU has amx_bf16 and avx512_bf16)"),
        ("fpu avx2 avx512f", "float32 (auto: the CPU has no units for bfloat16)"),
    ],
)
def test_auto_on_a_processor(monkeypatch, flags, expected):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"flags : {flags}\n")
    assert str(resolve_precision("auto")) == expected


@pytest.mark.parametrize(
    ("capabilities", "name"), [([(8, 0)], "bfloat16"), ([(9, 0), (7, 5)], "float32"), ([None], "float32")]
)
def test_auto_on_gpus_is_what_the_oldest_can_do(monkeypatch, capabilities, name):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    details = lambda gpu: {"compute_capability": gpu} if gpu else {}  # noqa: E731
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
    assert resolve_precision("auto").name == name
    assert "compute capability" in resolve_precision("auto").reason
    assert isinstance(resolve_precision("auto"), Precision)
