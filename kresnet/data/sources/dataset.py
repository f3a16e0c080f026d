"""A data set: two splits, the names of the classes, and a digest to know it by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kresnet.data.class_names import describe_pairs, similar_names
from kresnet.data.description import DataDescription, PassedOver
from kresnet.data.sources.overlap import Overlap
from kresnet.data.splits import Split
from kresnet.errors import make_error
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
        find_overlap: looks for test examples that are trained on as well; it may read files.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    fingerprint: str
    targets: Targets = CLASS_TARGETS
    passed_over: Mapping[str, PassedOver] = field(default_factory=dict)
    find_overlap: Callable[[], Overlap] = Overlap

    @property
    def skipped(self) -> dict[str, list[str]]:
        """Names of the examples that were left out because they cannot be read, by split; empty where none was."""
        skipped = {"train": self.train.skipped, "test": self.test.skipped}
        return {name: names for name, names in skipped.items() if names}

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
            (f"Classes whose names look alike: {describe_pairs(pairs)}.",) if pairs else (),
        )


def fingerprint(facts: object) -> str:
    """Return the SHA-256 (hexadecimal) of JSON-ready facts about a data set."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


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
