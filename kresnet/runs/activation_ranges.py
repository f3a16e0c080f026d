"""The ranges of activations that a run trained for integers has learned, kept beside its networks.

`quantization.json` in the run's directory has an entry for the last network and one for the best epoch's, each with the
SHA-256 of the weights that the ranges belong to, so that those of other weights are never taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kresnet.files import digest, read_mapping, write_json

FILE = "quantization.json"

#: The smallest and the largest value of what a layer gives, by the layer's name.
ActivationRanges = dict[str, tuple[float, float]]


def write_activation_ranges(model: Path, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Keep the ranges that belong to a network with its run, atomically; the other network's stay.

    Args:
        model: the network's file in the run's directory, which has been written.
        ranges: of each layer.

    Raises:
        KresnetError: `disk_full` or `not_writable`.
    """
    path = model.with_name(FILE)
    entry = {"weights": digest(model), "bits": 8, "ranges": {name: list(bounds) for name, bounds in ranges.items()}}
    write_json(path, read_mapping(path) | {model.name: entry})


def read_activation_ranges(model: Path) -> ActivationRanges:
    """Return the ranges that belong to the weights in a network's file; none where nothing is known of these."""
    entry = read_mapping(model.with_name(FILE)).get(model.name)  # damaged, a calibration takes its place
    if not isinstance(entry, dict) or not model.is_file() or entry.get("weights") != digest(model):
        return {}
    return {name: (float(low), float(high)) for name, (low, high) in entry["ranges"].items()}


__all__ = ["FILE", "ActivationRanges", "read_activation_ranges", "write_activation_ranges"]
