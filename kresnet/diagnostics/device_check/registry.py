"""The parts of the check, in the order in which they run: what the others depend on comes first."""

from __future__ import annotations

from collections.abc import Sequence

from kresnet.diagnostics.device_check.part import CheckPart
from kresnet.errors import make_error, nearest

DEVICE_PARTS = (
    CheckPart("devices", "devices:check_devices", process="first"),
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
