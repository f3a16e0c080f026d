"""What this machine shows, and what `auto` becomes on it."""

from __future__ import annotations

import tensorflow as tf

from kresnet.cores import usable_cores
from kresnet.diagnostics.device_check.devices import check_devices
from kresnet.diagnostics.device_check.part import DeviceContext


def test_devices_are_those_of_tensorflow(tmp_path):
    result = check_devices(DeviceContext(True, tmp_path))
    gpus = len(tf.config.list_physical_devices("GPU"))
    assert (result.verdict, result.figures["GPUs"], result.figures["cores"]) == ("passed", gpus, len(usable_cores()))
    assert result.figures["xla: auto"] == ("on" if gpus else "off")
    assert str(result.figures["precision: auto"]).split()[0] in ("float32", "bfloat16")
