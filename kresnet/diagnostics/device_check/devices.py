"""The devices that TensorFlow shows, and what the settings that say `auto` become on them."""

from __future__ import annotations

import tensorflow as tf

from kresnet.cores import usable_cores
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.small_training import RECIPE, SPEC
from kresnet.distributed.devices import gpu_memory, make_strategy
from kresnet.distributed.environment import processor_name, processor_units
from kresnet.distributed.precision import resolve_precision
from kresnet.plan.memory_estimate import available_memory, bytes_text
from kresnet.runs.resolved_run import resolve_run
from kresnet.training.step.xla import resolve_xla


def check_devices(context: DeviceContext) -> PartResult:
    """List the devices with memory and compute capability, and what `auto` means on them."""
    gpus = tf.config.list_physical_devices("GPU")
    strategy = make_strategy("auto")
    replicas = strategy.num_replicas_in_sync
    figures: dict[str, float | str] = {
        "GPUs": len(gpus),
        "processor": processor_name(),
        "processor units": processor_units() or "of no account",
        "cores": len(usable_cores()),
    }
    if (memory := available_memory()) is not None:
        figures["memory available"] = bytes_text(memory)
    for index, gpu in enumerate(gpus):
        details = tf.config.experimental.get_device_details(gpu)
        figures[f"GPU {index}"] = details.get("device_name", "unknown")
        if (size := gpu_memory(index)) is not None:
            figures[f"GPU {index} memory"] = bytes_text(size)
        figures[f"GPU {index} compute capability"] = "{}.{}".format(*details.get("compute_capability", (0, 0)))
    figures["precision: auto"] = str(resolve_precision("auto"))
    run = resolve_run(SPEC, RECIPE)
    figures["xla: auto"] = "on" if resolve_xla(run.recipe, run.plan, replicas) else "off"
    figures["distribution: auto"] = f"mirrored over {replicas} GPUs" if replicas > 1 else "one device"
    trains_on = figures["processor"] if not gpus else ", ".join(str(figures[f"GPU {n}"]) for n in range(len(gpus)))
    return PartResult("devices", "passed", figures, f"trains on {trains_on}")
