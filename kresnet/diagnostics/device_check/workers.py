"""Two processes of this machine train one run: over NCCL where each has a GPU, else over TensorFlow's ring."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kresnet.diagnostics.device_check.fit_processes import (
    TrainingProcess,
    cluster_environment,
    final_state,
    write_documents,
)
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import FLOAT32
from kresnet.diagnostics.device_check.small_training import RECIPE, SPEC, train

#: How far weights, statistics and momenta may be from those of one process, relative to their norm: sums in another
#: order, and what three steps make of it.
_BOUND = 1e-4
_STEPS = 3


def check_workers(context: DeviceContext) -> PartResult:
    """Train three steps in this process, and by two others, on a GPU each or on the CPU; compare the states."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    recipe = {**RECIPE, "steps": _STEPS, "xla": "off", "checkpoints": {"save_every_steps": 1, "keep_last": 100}}
    del recipe["epochs"]
    spec = {**SPEC, "norm": {"kind": "batch", "synchronized": True}}
    spec_path, recipe_path = write_documents(context, "workers", spec, recipe)
    folder = spec_path.parent
    arguments = [spec_path, "--recipe", recipe_path, "-o"]
    own = os.environ.get("CUDA_VISIBLE_DEVICES", "0,1").split(",")
    shown = own[:2] if gpus > 1 else ["-1", "-1"]
    same = {"NVIDIA_TF32_OVERRIDE": "0"}  # products of 24 bits, whoever multiplies
    processes = [
        TrainingProcess(
            [*arguments, folder / "two"],
            folder / f"worker{rank}.log",
            {**variables, "CUDA_VISIBLE_DEVICES": shown[rank], **same, "KRESNET_WAIT_SECONDS": "40"},
        )
        for rank, variables in enumerate(cluster_environment(2))
    ]
    with FLOAT32.active():
        one = train(_STEPS, spec, {"xla": "off", "distribution": "one_device"}).last
    for process in processes:
        process.require_success()
    over = "NCCL, each on a GPU" if gpus > 1 else "the ring, on the CPU"
    steps, two = final_state(folder / "two")
    difference = relative_difference(one, two)
    figures: dict[str, float | str] = {"steps": steps, "state differs by": difference, "bound": _BOUND, "over": over}
    if not difference <= _BOUND:
        detail = f"two processes over {over} move weights otherwise than one, by {difference:.1e}"
        return PartResult("workers", "failed", figures, detail, "train in one process until that is mended")
    return PartResult("workers", "passed", figures, f"two processes over {over} train as one")


def relative_difference(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Return the norm of the difference of two states over the norm of the first, of what is no scalar."""
    names = [name for name, value in one.items() if value.ndim]
    mine, theirs = (np.concatenate([np.float64(state[name]).ravel() for name in names]) for state in (one, other))
    return float(np.linalg.norm(mine - theirs) / np.linalg.norm(mine))
