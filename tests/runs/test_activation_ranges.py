"""Ranges are kept with the weights that they belong to."""

from __future__ import annotations

from pathlib import Path

from kresnet.runs.activation_ranges import FILE, read_activation_ranges, write_activation_ranges


def test_ranges_are_of_certain_weights(tmp_path: Path) -> None:
    model, best = tmp_path / "model.keras", tmp_path / "best.keras"
    model.write_bytes(b"weights")
    best.write_bytes(b"others")
    assert read_activation_ranges(model) == {}
    write_activation_ranges(model, {"stem.conv": (-1.0, 2.5)})
    write_activation_ranges(best, {"stem.conv": (0.0, 1.0)})
    assert read_activation_ranges(model) == {"stem.conv": (-1.0, 2.5)}
    assert read_activation_ranges(best) == {"stem.conv": (0.0, 1.0)}
    model.write_bytes(b"trained on")
    assert read_activation_ranges(model) == {}
    (tmp_path / FILE).write_text("{")
    assert read_activation_ranges(best) == {}
