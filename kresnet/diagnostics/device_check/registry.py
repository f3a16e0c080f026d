"""The parts of the check, in the order in which they run: what the others depend on comes first."""

from __future__ import annotations

from collections.abc import Sequence

from kresnet.diagnostics.device_check.part import CheckPart
from kresnet.errors import make_error, nearest

DEVICE_PARTS = (
    CheckPart("libraries", "libraries:check_libraries", process="one device"),
    CheckPart("devices", "devices:check_devices", process="one device"),
    CheckPart("operations", "operations:check_operations", process="one device", quick_seconds=90.0),
    CheckPart("batch-norm", "norms:check_norms", process="one device"),
    CheckPart("xla", "xla:check_xla", process="one device", quick_seconds=120.0),
    CheckPart("loss-scaling", "loss_scaling:check_loss_scaling", process="one device"),
    CheckPart("export", "export_proof:check_export_proof", process="one device", quick_seconds=120.0),
    CheckPart("determinism", "determinism:check_determinism", process="deterministic"),
    CheckPart("all-gpus", "mirrored:check_all_gpus", process="deterministic"),
    CheckPart("logical-devices", "mirrored:check_logical_devices", process="logical devices", one_gpu=True),
    CheckPart("workers", "workers:check_workers", process="processes", quick_seconds=330.0),
    CheckPart("resume", "resume:check_resume", process="processes", quick_seconds=330.0),
    CheckPart("product-rates", "product_rates:check_product_rates", process="speed"),
    CheckPart(
        "training-speed",
        "training_speed:check_training_speed",
        process="speed",
        quick_seconds=400.0,
        full_seconds=3600.0,
    ),
    CheckPart("input-feeding", "input_feeding:check_input_feeding", process="speed", quick_seconds=300.0),
)


def select_parts(names: Sequence[str]) -> list[CheckPart]:
    """Return the parts of the given names, in the order of the check; all parts where none is named.

    Raises:
        KresnetError: `bad_option` for a name that no part has.
    """
    known = [part.name for part in DEVICE_PARTS]
    for name in names:
        if name not in known:
            close = nearest(name, known)
            message = f"The check of a device has no part `{name}`."
            raise make_error("bad_option", message, expected=", ".join(known), nearest=close)
    return [part for part in DEVICE_PARTS if not names or part.name in names]
