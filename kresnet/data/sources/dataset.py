"""A data set: two or three splits, the names of the classes, and a digest to know it by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kresnet.data.class_names import describe_pairs, similar_names
from kresnet.data.description import DataDescription, PassedOver
from kresnet.data.sources.overlap import Overlap
from kresnet.data.splits import Split
from kresnet.errors import make_error
from kresnet.files import json_digest
from kresnet.spec.inputs import Input


@dataclass(frozen=True, slots=True)
class Targets:
    """Kind and shape of the targets that stand beside each input.

    Attributes:
        kind: `classes`, one int32 an example; `labels`, independent ones, float32 0 or 1; `values`, float32.
        shape: shape of one example's targets.
        lowest: the lowest class that occurs.
        one_hot: whether every example has exactly one of several `labels`.
    """

    kind: str = "classes"
    shape: tuple[int, ...] = ()
    lowest: int = 0
    one_hot: bool = False


CLASS_TARGETS = Targets()


def _nothing_shared(_one: Split, _other: Split) -> Overlap:
    return Overlap()


@dataclass(frozen=True, slots=True)
class DataSet:
    """The data that a run trains and evaluates on.

    Attributes:
        name: name of the data set, for people.
        train: split that is trained on.
        test: split that is evaluated on.
        class_names: a name for every label.
        fingerprint: hexadecimal digest of what the data are (names, sizes, versions), not of where they lie. Another
            fingerprint means other data; equal ones are very likely, not certainly, the same bytes.
        targets: kind and shape of what is to be learned of an example.
        passed_over: what lies with the data and is not read, by split.
        find_overlap: looks in one split for examples that are in the other, given first, as well; it may read files.
        validation: split that epochs are measured on, and by which a run chooses; None where that is the test split.
        held_out: how `validation` was taken from the examples to train on, JSON-ready; empty where it was not.
        remarks: what was seen when the data were opened and deserves a look, a sentence each.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    fingerprint: str
    targets: Targets = CLASS_TARGETS
    passed_over: Mapping[str, PassedOver] = field(default_factory=dict)
    find_overlap: Callable[[Split, Split], Overlap] = _nothing_shared
    validation: Split | None = None
    held_out: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """The splits, under the names that they have everywhere: `train`, `validation` where there is one, `test`."""
        validation = {"validation": self.validation} if self.validation else {}
        return {"train": self.train, **validation, "test": self.test}

    @property
    def selection_name(self) -> str:
        """Name of the split that epochs are measured on: `validation` where there is one, else `test`."""
        return "validation" if self.validation else "test"

    @property
    def selection(self) -> Split:
        """The split that epochs are measured on: validation where there is one, else test."""
        return self.splits[self.selection_name]

    @property
    def identity(self) -> str:
        """Hexadecimal digest of what the data are and which of them are trained on, the same on every worker."""
        return fingerprint([self.fingerprint, self.held_out]) if self.held_out else self.fingerprint

    @property
    def skipped(self) -> dict[str, list[str]]:
        """Names of the examples that were left out because they cannot be read, by split; empty where none was."""
        return {name: split.skipped for name, split in self.splits.items() if split.skipped}

    @property
    def description(self) -> DataDescription:
        """The data set as a run's directory describes it, without the remarks that `inspect_data` makes."""
        pairs = similar_names(self.class_names)
        return DataDescription(
            self.fingerprint,
            self.class_names,
            len(self.train),
            len(self.test),
            self.skipped,
            self.targets.kind,
            self.passed_over,
            (*self.remarks, *((f"Classes whose names look alike: {describe_pairs(pairs)}.",) if pairs else ())),
            len(self.validation) if self.validation else None,
            self.held_out,
        )


def fingerprint(facts: object) -> str:
    """Return the SHA-256 (hexadecimal) of JSON-ready facts about a data set."""
    return json_digest(facts)


def require_channels(name: str, channels: int | None, input: Input) -> None:
    """Raise `KresnetError` (`data_mismatch`) unless images of `channels` channels suit the network."""
    if channels != input.shape[2]:
        raise make_error(
            "data_mismatch",
            f"The images of {name} have {channels} channels; the network takes {input.shape[2]}.",
            path="input.shape.2",
            expected=str(channels),
            found=str(input.shape[2]),
            remedy=f"--set input.shape=[{input.shape[0]},{input.shape[1]},{channels}]",
        )
