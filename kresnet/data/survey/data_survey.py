"""What is known of data before a recipe trains on them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.data.description import PassedOver
from kresnet.data.survey.copies import Copies, LabelledFile
from kresnet.data.survey.image_headers import ImageHeaders
from kresnet.errors import Problem

#: Texts that YAML takes for themselves without quotes.
_PLAIN = re.compile(r"[A-Za-z_/~.][\w/.~-]*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", ".inf", ".nan")

#: A picture of an example: its file, the contents of one, or pixels, uint8 (h, w, C).
Picture = Path | bytes | np.ndarray

#: How many files are opened at most to read their headers; of more, an even part.
MOST_HEADERS = 10_000
#: How many files are compared at most to find copies; of more, an even part.
MOST_COMPARED = 50_000
#: How many classes, and pictures of each, are shown.
GRID_CLASSES, GRID_PICTURES = 12, 8


@dataclass(frozen=True, slots=True)
class SplitSurvey:
    """One split.

    Attributes:
        images: how many examples it has.
        classes: how many of them have each class or label; empty where there are none, or where it is not known.
    """

    images: int
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataSurvey:
    """What data would be read as, and what is in them.

    Attributes:
        name: what was asked about.
        kind: `folder`, `table`, `arrays`, `tfds` or `embedded`.
        settings: what a recipe says under `data` to train on them.
        targets: `classes`, `labels` or `values`; empty where that is not known.
        values: how many numbers are to be predicted.
        splits: by name, in order.
        headers: what the images' headers say.
        copies: files with the same contents.
        passed_over: what lies with the data and is not read, by split.
        problems: why they cannot be trained on as they are.
        notes: what else deserves a look, a sentence each.
        sampled: what was looked at only in part, a sentence each.
        pictures: of some classes, some of their images.
        files: of a folder, all files that would be read.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    targets: str = ""
    values: int = 0
    splits: Mapping[str, SplitSurvey] = field(default_factory=dict)
    headers: ImageHeaders = field(default_factory=ImageHeaders)
    copies: Copies = field(default_factory=Copies)
    passed_over: Mapping[str, PassedOver] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    notes: Sequence[str] = ()
    sampled: Sequence[str] = ()
    pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    files: Sequence[LabelledFile] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or labels, those of the training examples first."""
        return tuple(dict.fromkeys(name for split in self.splits.values() for name in split.classes))

    def overrides(self) -> list[str]:
        """Return the settings `PATH=VALUE` that a run on these data needs, beside a spec and a recipe."""
        found = [f"recipe.data={_flow(dict(self.settings))}"]
        if self.targets in ("classes", "labels") and self.classes:
            found.append(f"head.classes={len(self.classes)}")
        if self.targets == "values" and self.values:
            found.append(f"head={{kind: regressor, outputs: {self.values}}}")
        if self.targets == "labels":
            found.append("head.multi_label=true")
        if self.headers.modes and self.headers.channels == 1 and (size := self.headers.only_size):
            found.append(f"input.shape=[{size[1]},{size[0]},1]")
        return found

    def command(self) -> str:
        """Return the command that trains on these data, with the network to be filled in."""
        return " ".join(["kresnet fit SPEC", *(f"--set {shlex.quote(each)}" for each in self.overrides())])

    def as_dict(self) -> dict[str, Any]:
        """Return the survey as JSON-ready values, without pictures and files."""
        return {
            "name": self.name,
            "kind": self.kind,
            "settings": dict(self.settings),
            "overrides": self.overrides(),
            "targets": self.targets,
            **({"values": self.values} if self.targets == "values" else {}),
            "classes": list(self.classes),
            "splits": {
                name: {"images": split.images, "classes": dict(split.classes)} for name, split in self.splits.items()
            },
            "headers": self.headers.as_dict(),
            "duplicates": self.copies.as_dict(),
            "passed_over": {
                split: {reason: {"count": count, "example": example} for reason, (count, example) in reasons.items()}
                for split, reasons in self.passed_over.items()
                if reasons
            },
            "problems": [problem.as_dict() for problem in self.problems],
            "notes": list(self.notes),
            "sampled": list(self.sampled),
        }


def _flow(value: Any) -> str:
    """Return plain values as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def evenly(count: int, most: int) -> np.ndarray:
    """Return at most `most` of the positions 0 to `count - 1`, evenly spread, int64."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


def sampling_notes(files: int, **looked_at: int) -> list[str]:
    """Return a sentence for each way in which only some of the files were looked at: `opened=100`, `compared=500`."""
    return [
        f"{some:,} of {files:,} files were {what}, evenly spread." for what, some in looked_at.items() if some < files
    ]


def header_notes(headers: ImageHeaders) -> list[str]:
    """Return what deserves a look about images, a sentence each."""
    notes = []
    if turned := sum(headers.orientations.values()):
        notes.append(f"{turned:,} images are stored turned, and read upright, as their EXIF orientation says.")
    if headers.modes and len({mode.startswith(("grey", "black", "16-bit grey")) for mode in headers.modes}) == 2:
        notes.append("Some images are grey and others in colour; each is read as the spec's channels say.")
    if deep := sum(count for mode, count in headers.modes.items() if mode.startswith("16-bit")):
        notes.append(f"{deep:,} images have 16 bits a sample, which become bytes by input.sample_range.")
    if clear := sum(count for mode, count in headers.modes.items() if mode.endswith("transparency")):
        notes.append(f"{clear:,} images have transparency, which shows input.background.")
    return notes


def class_notes(splits: Mapping[str, SplitSurvey]) -> list[str]:
    """Return what deserves a look about the numbers of images of classes, a sentence each."""
    notes = []
    names = dict.fromkeys(name for split in splits.values() for name in split.classes)
    for split_name, split in splits.items():
        if missing := [name for name in names if not split.classes.get(name)] if split.classes else []:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            notes.append(f"No image of {split_name} is of {', '.join(missing[:5])}{more}.")
    counts = dict(splits["train"].classes) if "train" in splits else {}
    if counts and (least := min(counts.values())) * 10 < (most := max(counts.values())):
        few, many = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        notes.append(f"The classes are uneven: {least:,} training images of {few}, {most:,} of {many}.")
    return notes


__all__ = [
    "GRID_CLASSES",
    "GRID_PICTURES",
    "MOST_COMPARED",
    "MOST_HEADERS",
    "DataSurvey",
    "Picture",
    "SplitSurvey",
    "class_notes",
    "evenly",
    "header_notes",
    "sampling_notes",
]
