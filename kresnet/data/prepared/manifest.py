"""What a folder of prepared data says of itself: its shards with their digests, its classes, how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kresnet.errors import make_error
from kresnet.files import json_digest
from kresnet.spec.recipe.data_reference import PREPARED_MARK

#: Raised when what stands in the shards changes its meaning.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of prepared data.

    Attributes:
        file: its name in the folder.
        bytes: its size.
        sha256: hexadecimal digest of its bytes.
    """

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Shard(StoredFile):
    """An array_record file of examples.

    Attributes:
        examples: how many records it has.
        ends: digest of its first and last bytes (`ends_digest`), by which another file is told without reading all.
    """

    examples: int
    ends: str


@dataclass(frozen=True, slots=True)
class PreparedSplit:
    """A split of prepared data.

    Attributes:
        shards: its shards, in order.
        columns: files with a value an example, in order: `targets`, and where there are some `weights` and `groups`.
        class_counts: how many examples each class or label has; empty for values.
        copies: of other splits, how many examples of this one are the same files, and the name of one of them.
    """

    shards: tuple[Shard, ...]
    columns: Mapping[str, StoredFile]
    class_counts: tuple[int, ...] = ()
    copies: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def examples(self) -> int:
        """Number of examples."""
        return sum(shard.examples for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Size of all shards in bytes."""
        return sum(shard.bytes for shard in self.shards)


@dataclass(frozen=True, slots=True)
class PreparedManifest:
    """All that is known of prepared data without opening a shard.

    Attributes:
        name: name of the data that were prepared.
        class_names: names of the classes or labels, in order.
        targets: kind, shape, lowest class and whether labels are one-hot, as `kresnet.data.sources.dataset.Targets`.
        splits: splits by name: `train`, `test` and perhaps `validation`.
        made: how they were made: version, settings, the fingerprint of the data, what was left out.
    """

    name: str
    class_names: tuple[str, ...]
    targets: Mapping[str, Any]
    splits: Mapping[str, PreparedSplit]
    made: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of what the data are: every shard and column, the classes and the kind of targets."""
        files = {
            name: [*(shard.sha256 for shard in split.shards), *(each.sha256 for each in split.columns.values())]
            for name, split in self.splits.items()
        }
        facts = [FORMAT, list(self.class_names), dict(self.targets), files]
        return json_digest(facts)

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest as JSON-ready values."""
        counts = {name: split.examples for name, split in self.splits.items()}
        return {"format": FORMAT, "fingerprint": self.fingerprint, "examples": counts, **asdict(self)}

    @classmethod
    def from_text(cls, text: bytes, where: str) -> PreparedManifest:
        """Return what `as_dict` wrote as JSON.

        Args:
            text: contents of the file.
            where: how messages call the folder.

        Raises:
            KresnetError: `data_mismatch` for a file that was damaged, changed by hand, or written by a later version.
        """
        remedy = "prepare the data again: kresnet prepare DATA -o DIR"
        path = "recipe.data.path"
        try:
            values = json.loads(text)
            if isinstance(values["format"], int) and values["format"] > FORMAT:
                message = f"{where} was prepared by a later version of kresnet ({values['made']['kresnet']})."
                raise make_error("data_mismatch", message, path=path, remedy="a kresnet as new as that")
            splits = {name: _read_split(split) for name, split in values["splits"].items()}
            names, targets = tuple(map(str, values["class_names"])), dict(values["targets"])
            manifest = cls(str(values["name"]), names, targets, splits, dict(values["made"]))
            whole = manifest.fingerprint == values["fingerprint"] and {"kind", "shape"} <= set(targets)
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            message = f"{PREPARED_MARK} of {where} is damaged, or was changed by hand."
            raise make_error("data_mismatch", message, path=path, remedy=remedy)
        return manifest


def _read_split(values: Mapping[str, Any]) -> PreparedSplit:
    return PreparedSplit(
        tuple(Shard(**each) for each in values["shards"]),
        {name: StoredFile(**each) for name, each in values["columns"].items()},
        tuple(map(int, values["class_counts"])),
        {name: (int(count), str(example)) for name, (count, example) in values["copies"].items()},
    )


__all__ = ["FORMAT", "PreparedManifest", "PreparedSplit", "Shard", "StoredFile"]
