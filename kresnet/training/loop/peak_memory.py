"""The peak memory of this process, on the host and on its GPUs."""

from __future__ import annotations

import tensorflow as tf

from kresnet.process_memory import peak_resident_memory, reset_peak_resident_memory


def peak_memory() -> dict[str, int]:
    """Return the peak memory of this process in bytes.

    Returns:
        `host`: the largest resident size of this process, TensorFlow itself included; and where there are GPUs
        `device`: the most memory that TensorFlow had in use on any one of them.
    """
    peaks = {"host": peak_resident_memory()}
    if gpus := _gpus():
        peaks["device"] = max(tf.config.experimental.get_memory_info(name)["peak"] for name in gpus)
    return peaks


def reset_peak_memory() -> None:
    """Start the peaks that `peak_memory` returns anew, the host's where the system can (Linux)."""
    for name in _gpus():
        tf.config.experimental.reset_memory_stats(name)
    reset_peak_resident_memory()


def _gpus() -> list[str]:
    return [gpu.name.removeprefix("/device:") for gpu in tf.config.list_logical_devices("GPU")]
