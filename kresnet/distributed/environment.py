"""Where a run's numbers come from: versions, machine, and what of both the bits depend on."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tensorflow as tf

from kresnet.cores import usable_cores

#: Environment variables that change what TensorFlow computes, or in which order.
_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "TF_DETERMINISTIC_OPS", "NVIDIA_TF32_OVERRIDE")
_PACKAGES = ("kresnet", "tensorflow", "keras", "numpy", "tensorflow-datasets")


def environment(replicas: int, precision: str, xla: bool) -> dict[str, Any]:
    """The present environment, JSON-ready.

    Args:
        replicas: that share a batch.
        precision: of activations and products, resolved.
        xla: whether XLA compiles the passes.

    Returns:
        `versions` and `training` change what is computed, `kernels` only in which order sums are taken, hence the last
        bits; the rest is for the record.
    """
    return {
        "versions": versions(),
        "training": {
            "device": "GPU" if tf.config.list_physical_devices("GPU") else "CPU",
            "replicas": replicas,
            "precision": precision,
        },
        "kernels": {
            "processor": _processor(),
            "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads() or len(usable_cores()),
            "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads() or len(usable_cores()),
            "xla": "on" if xla else "off",
            **{name: os.environ.get(name, "") for name in _SWITCHES},
        },
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": ["kresnet", *sys.argv[1:]],
    }


def versions() -> dict[str, str]:
    """Of the packages that what is computed depends on."""
    return {name: version(name) for name in _PACKAGES}


def _processor() -> str:
    """The GPUs' names, or the processor's: kernels are chosen by what it can do."""
    if gpus := tf.config.list_physical_devices("GPU"):
        names = (tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus)
        return ", ".join(sorted(names))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="ignore").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
