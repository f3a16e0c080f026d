"""Describes the data of a run without its images and without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DataDescription:
    """What a run's `data.json` says of the data that it trains on.

    Attributes:
        fingerprint: hexadecimal digest by which other data are told from these.
        class_names: the name of every label, in order.
        train_images: number of examples to train on.
        test_images: number of examples to evaluate on.
        skipped: names of the examples that are left out because they cannot be read, by split.
    """

    fingerprint: str
    class_names: tuple[str, ...]
    train_images: int
    test_images: int
    skipped: Mapping[str, list[str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the description as JSON-ready values; `skipped` only where something was left out."""
        return {
            "fingerprint": self.fingerprint,
            "class_names": list(self.class_names),
            "train_images": self.train_images,
            "test_images": self.test_images,
            **({"skipped": dict(self.skipped)} if self.skipped else {}),
        }
