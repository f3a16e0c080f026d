"""One device cannot be compared with several; the comparison itself runs in the slow test of the whole check."""

from __future__ import annotations

import tensorflow as tf

from kresnet.diagnostics.device_check.mirrored import check_all_gpus
from kresnet.diagnostics.device_check.part import DeviceContext


def test_one_gpu_is_not_compared_with_itself(tmp_path):
    if len(tf.config.list_physical_devices("GPU")) < 2:
        assert check_all_gpus(DeviceContext(True, tmp_path)).verdict == "skipped"
