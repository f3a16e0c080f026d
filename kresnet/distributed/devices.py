"""The `tf.distribute` strategy over the devices that a run trains on."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from typing import Any
from urllib.parse import urlsplit

import tensorflow as tf

from kresnet.distributed.cluster import Cluster
from kresnet.distributed.float32_products import choose_float32_products
from kresnet.errors import make_error
from kresnet.spec.recipe import Recipe

#: How long a TPU that `TPU_NAME` names may take to answer, in seconds.
TPU_SECONDS = 10.0


def choose_kernels(recipe: Recipe) -> None:
    """Have TensorFlow use the kernels that a recipe asks for: deterministic ones, exact or fast ones.

    Raises:
        KresnetError: `environment` where this process multiplied otherwise before, and cannot be changed any more.
    """
    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    choose_float32_products(recipe.float32_products)


def make_strategy(distribution: str, cluster: Cluster | None = None) -> Any:
    """Return the `tf.distribute` strategy that a recipe's `distribution` means on this machine.

    `mirrored` takes every GPU, or every logical CPU device where there is none; `auto` mirrors over two GPUs or more
    and otherwise uses one device. TensorFlow adds up gradients by NCCL between GPUs, by a ring of its own between CPUs.
    GPU memory is taken as it is needed.

    Args:
        distribution: the recipe's setting.
        cluster: workers that have completed their rendezvous; the strategy then spans all of them, and TensorFlow must
            not have run anything yet.

    Raises:
        KresnetError: `environment` if `mirrored` finds a single device, or `tpu` no TPU; `contradiction` for
            `multi_worker` without a cluster.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError, ValueError):  # already in use, as it was set up before; or split
            tf.config.experimental.set_memory_growth(gpu, True)
    if cluster:
        return _multi_worker(cluster)
    if distribution == "multi_worker":
        message = "This command works on one machine; the recipe says `distribution: multi_worker`."
        raise make_error("contradiction", message, remedy="--set recipe.distribution=auto")
    if distribution == "tpu":
        return _tpu()
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if distribution == "one_device" or (distribution == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    if len(devices) < 2:
        raise make_error(
            "environment",
            "`distribution: mirrored` needs two devices, and this machine shows one.",
            remedy="--set recipe.distribution=one_device",
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def gpu_memory(index: int) -> int | None:
    """Return the bytes of memory of an NVIDIA GPU, as its driver tells them; None where it does not."""
    with contextlib.suppress(OSError, AttributeError):
        driver = ctypes.CDLL("libcuda.so.1")
        device, size = ctypes.c_int(), ctypes.c_size_t()
        if not (driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), index)):
            return None if driver.cuDeviceTotalMem_v2(ctypes.byref(size), device) else size.value
    return None


def _multi_worker(cluster: Cluster) -> Any:
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.rank,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except tf.errors.UnknownError as error:  # what TensorFlow calls a port that is taken
        message = f"TensorFlow cannot serve {cluster.worker_name(cluster.rank)}: {str(error).splitlines()[0]}."
        raise make_error("environment", message, remedy="give the workers other ports") from None


def _tpu() -> Any:
    """Return a strategy over the TPU that `TPU_NAME` names, else over that of this machine."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(os.environ.get("TPU_NAME", "local"))
        if (master := urlsplit(resolver.master())).hostname:  # TensorFlow would wait for it without an end
            socket.create_connection((master.hostname, master.port or 8470), TPU_SECONDS).close()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        message = f"`distribution: tpu` finds no TPU: {str(error).splitlines()[0][:100]}"
        remedy = "set TPU_NAME, run on a TPU machine, or --set recipe.distribution=auto"
        raise make_error("environment", message, remedy=remedy) from None
    return tf.distribute.TPUStrategy(resolver)
