"""Describes the data of a run without its images and without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kresnet.data.class_names import enumerate_names

#: Of one split: how many files or arrays are not read, and the name of one of them, by the reason.
PassedOver = Mapping[str, tuple[int, str]]

#: What the splits of a data set are called wherever numbers of them are shown.
SPLITS = ("train", "validation", "test")

#: Fields that tell data from others; the rest is for people.
IDENTITY = (
    *("fingerprint", "class_names", "train_images", "validation_images", "test_images", "targets", "skipped"),
    "validation",
)


@dataclass(frozen=True, slots=True)
class DataDescription:
    """What a run's `data.json` says of the data that it trains on.

    Attributes:
        fingerprint: hexadecimal digest by which other data are told from these.
        class_names: the name of every label, in order.
        train_images: number of examples to train on.
        test_images: number of examples to evaluate on.
        skipped: names of the examples that are left out because they cannot be read, by split.
        targets: what the targets are: `classes`, `labels` or `values`; empty where a run of an earlier version does
            not say.
        passed_over: what lies with the data and is not read, by split.
        remarks: what else about the data deserves a look, a sentence each.
        validation_images: number of examples to validate on; None where the test examples take their place.
        validation: how the examples to validate on were taken from those to train on: `share`, or `fold` and `folds`;
            `seed`; `counts`, how many there are of each class or label; `digest` of their positions, and `positions`
            where they are few. Empty where they are a split of their own, or there are none.
        class_counts: number of training examples of each class or label, in order; empty where they were not counted.
    """

    fingerprint: str
    class_names: tuple[str, ...]
    train_images: int
    test_images: int
    skipped: Mapping[str, list[str]] = field(default_factory=dict)
    targets: str = ""
    passed_over: Mapping[str, PassedOver] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    validation_images: int | None = None
    validation: Mapping[str, Any] = field(default_factory=dict)
    class_counts: tuple[int, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataDescription:
        """Return the description of which `as_dict` made `values`; what an older version did not write is empty."""
        passed_over = {
            split: {reason: (found["count"], found["example"]) for reason, found in reasons.items()}
            for split, reasons in values.get("passed_over", {}).items()
        }
        return cls(
            values["fingerprint"],
            tuple(values["class_names"]),
            values["train_images"],
            values["test_images"],
            values.get("skipped", {}),
            values.get("targets", ""),
            passed_over,
            tuple(values.get("remarks", ())),
            values.get("validation_images"),
            values.get("validation", {}),
            tuple(values.get("class_counts", ())),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the description as JSON-ready values; what is left out or remarked only where there is something."""
        passed_over = {
            split: {reason: {"count": count, "example": example} for reason, (count, example) in reasons.items()}
            for split, reasons in self.passed_over.items()
            if reasons
        }
        return {
            "fingerprint": self.fingerprint,
            "class_names": list(self.class_names),
            "train_images": self.train_images,
            **({} if self.validation_images is None else {"validation_images": self.validation_images}),
            "test_images": self.test_images,
            **({"targets": self.targets} if self.targets else {}),
            **({"skipped": dict(self.skipped)} if self.skipped else {}),
            **({"passed_over": passed_over} if passed_over else {}),
            **({"validation": dict(self.validation)} if self.validation else {}),
            **({"class_counts": list(self.class_counts)} if self.class_counts else {}),
            **({"remarks": list(self.remarks)} if self.remarks else {}),
        }

    def notes(self) -> list[str]:
        """Return what a user should hear of the data before they are trained on, a sentence each."""
        unreadable = [
            f"{len(names)} {split} images cannot be read and are left out: {enumerate_names(names, 5)}"
            for split, names in self.skipped.items()
        ]
        passed_over = [
            f"Not read of the {split} data: "
            + "; ".join(f"{count:,} {reason}, such as {example}" for reason, (count, example) in reasons.items())
            for split, reasons in self.passed_over.items()
            if reasons
        ]
        return [*unreadable, *passed_over, *self.remarks]


def selection_split(metrics: Mapping[str, Any]) -> str:
    """Return by which split a line of history or a result judges a network: `validation` if it has it, or `test`."""
    return "validation" if "validation" in metrics else "test"
