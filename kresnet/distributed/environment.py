"""The environment that a run's numbers depend on: versions of packages, devices, and settings of their kernels."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import tensorflow as tf

from kresnet.cores import usable_cores
from kresnet.processor import cpu_name, cpu_units
from kresnet.spec.base import Document
from kresnet.spec.kinds import provided_kinds

#: Environment variables that change what TensorFlow computes, or in which order.
_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "TF_DETERMINISTIC_OPS", "NVIDIA_TF32_OVERRIDE")
_PACKAGES = ("kresnet", "tensorflow", "keras", "numpy", "tensorflow-datasets")


def environment(replicas: int, precision: str, xla: bool, documents: Iterable[Document] = ()) -> dict[str, Any]:
    """Describe the environment of this process, JSON-ready.

    Args:
        replicas: number of replicas that a batch is split among.
        precision: type of activations and products, resolved.
        xla: whether XLA compiles the forward and the backward pass.
        documents: spec and recipe, which may name kinds of installed packages.

    Returns:
        A mapping. `versions` and `training` change what is computed; `kernels` changes only the order in which sums are
        taken, hence the last bits; the other entries are for the record. `extensions` says who gave the kinds that do
        not ship with kresnet.
    """
    extensions = [kind for document in documents for kind in provided_kinds(document)]
    others = {kind["distribution"]: kind["version"] for kind in extensions if "distribution" in kind}
    return {
        "versions": package_versions() | others,
        "training": {
            "device": "GPU" if tf.config.list_physical_devices("GPU") else "CPU",
            "replicas": replicas,
            "precision": precision,
        },
        "kernels": {
            "processor": processor_name(),
            "processor_units": processor_units(),
            "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads() or len(usable_cores()),
            "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads() or len(usable_cores()),
            "xla": "on" if xla else "off",
            **{name: os.environ.get(name, "") for name in _SWITCHES},
        },
        **({"extensions": extensions} if extensions else {}),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": ["kresnet", *sys.argv[1:]],
    }


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a run's numbers depend on, by name."""
    return {name: version(name) for name in _PACKAGES}


def processor_name() -> str:
    """Return the GPUs' names, or else the processor's: which kernels run depends on it."""
    if gpus := tf.config.list_physical_devices("GPU"):
        names = (tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus)
        return ", ".join(sorted(names))
    return cpu_name()


def processor_units() -> str:
    """Return the units of the processor, `avx avx2 …`, which tell those of one name apart; none where GPUs compute."""
    return "" if tf.config.list_physical_devices("GPU") else " ".join(cpu_units())
