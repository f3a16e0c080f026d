"""Prepares data: reads any source once, and writes shards that a run reads by position.

A preparation may be killed at any point. What it will write is settled before it begins (which examples a shard has
does not depend on those before it), a shard is there whole or not at all, and the same command writes those that are
missing.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from kresnet.data.balance import class_counts
from kresnet.data.preparation.copies import KEPT_FIRST, find_first_copies
from kresnet.data.preparation.examples import DIGEST_BYTES, ExampleMaker
from kresnet.data.preparation.shard_writer import WrittenShard, note_path, read_note, write_shard
from kresnet.data.prepared.manifest import FORMAT, PreparedManifest, PreparedSplit, StoredFile
from kresnet.data.sources.dataset import DataSet
from kresnet.data.splits import Split
from kresnet.errors import MOST_PROBLEMS, KresnetError, Problem, make_error, shell_word
from kresnet.files import digest, read_mapping, staged_file, translate_os_errors, write_json, write_text
from kresnet.spec.recipe.data_reference import PREPARED_MARK
from kresnet.version import __version__

#: Files of a preparation that is not finished, and of what it left out.
_UNFINISHED, _LOCK, _KEPT, LEFT_OUT = ".preparation.json", ".lock", ".kept.npz", "left_out.jsonl"
#: Size of a shard where none is stated, and how many examples are made to estimate how many fit.
SHARD_BYTES, _SAMPLED = 64 * 2**20, 64
#: Keeps the order of the shards' examples apart from that of a run's epochs.
_COUNTER = (0, 0, 0, 6)


@dataclass(frozen=True, slots=True)
class PreparationOptions:
    """How data are prepared.

    Attributes:
        shorter_side: images are made smaller to this shorter side in pixels; None to leave them as they are.
        quality: of JPEG, where images are made smaller.
        shard_examples: examples of a shard; None for as many as make `SHARD_BYTES`.
        deduplicate: leave out files that are copies of others.
        seed: of the order in which the training examples are stored.
    """

    shorter_side: int | None = None
    quality: int = 90
    shard_examples: int | None = None
    deduplicate: bool = False
    seed: int = 0


class Preparation:
    """Data that are prepared in a folder."""

    def __init__(
        self,
        data: DataSet,
        folder: Path,
        options: PreparationOptions,
        *,
        skip_unreadable: bool = False,
        progress: Callable[[int], None] = lambda done: None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Take the data, opened, and where they go.

        Args:
            data: all splits that go along, none of which leaves out what cannot be read.
            folder: new, or one in which the same preparation was begun.
            options: how they are prepared.
            skip_unreadable: leave out images that cannot be read; else they are named, and nothing is finished.
            progress: is told how many examples are done by now.
            log: takes a line for the user.
        """
        self._data, self._folder, self._options, self._skip = data, folder, options, skip_unreadable
        self._progress, self._log, self._done = progress, log, 0
        self._makers = {
            name: ExampleMaker(split, data.targets.kind, options.shorter_side, options.quality)
            for name, split in data.splits.items()
        }
        settings = asdict(options)
        self._identity = {"format": FORMAT, "fingerprint": data.fingerprint, "settings": settings}

    def run(self) -> PreparedManifest:
        """Prepare what is not prepared yet.

        Raises:
            KresnetError: `output_exists` where other data were prepared there; `image_unreadable`, all problems at
                once, when every other shard has been written; `run_locked`, `disk_full`, `not_writable`.
        """
        with translate_os_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if finished := self._finished():
                return finished
            plan = self._begin()
            kept = self._kept_places(plan)
            unreadable: list[Problem] = []
            shards = {name: self._write_split(name, places, plan, unreadable) for name, places in kept.items()}
            if unreadable:
                raise KresnetError(unreadable[: MOST_PROBLEMS + 1])
            return self._finish({name: [one for one in each if one] for name, each in shards.items()}, plan)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / _LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                message = f"Another process prepares data in {self._folder}."
                raise make_error("run_locked", message, remedy="wait for it, or another -o") from None
            yield

    def _finished(self) -> PreparedManifest | None:
        """Return the manifest where the same was prepared before."""
        path = self._folder / PREPARED_MARK
        if not path.is_file():
            return None
        manifest = PreparedManifest.from_text(path.read_bytes(), str(self._folder))
        if manifest.made.get("identity") != self._identity:
            message = f"{self._folder} holds data that were prepared from others, or in another way."
            raise make_error("output_exists", message, remedy="another -o")
        self._clean_up()  # which a kill may have come before
        self._log(f"{self._folder} was prepared before, of the same data in the same way.")
        return manifest

    def _begin(self) -> dict[str, Any]:
        """Return what the preparation is: begun before, or now."""
        path = self._folder / _UNFINISHED
        if path.is_file():
            plan = read_mapping(path)
            if plan.get("identity") != self._identity:
                message = f"{self._folder} holds a preparation, not finished, of other data or with other settings."
                remedy = f"rm -r {shell_word(self._folder)}, or another -o"
                raise make_error("output_exists", message, remedy=remedy)
            for left in self._folder.glob(".*.tmp*"):
                left.unlink()
            return plan
        if others := [each.name for each in self._folder.iterdir() if each.name != _LOCK]:
            message = f"{self._folder} is not empty; nothing is overwritten."
            raise make_error("output_exists", message, found=others[0], remedy="another -o")
        plan = {"identity": self._identity, "shard_examples": self._options.shard_examples or self._examples_a_shard()}
        write_json(path, plan)
        return plan

    def _examples_a_shard(self) -> int:
        """Return how many examples make a shard of the usual size, by some that are spread evenly over the training."""
        places = np.unique(np.linspace(0, len(self._data.train) - 1, _SAMPLED).astype(int))
        sizes = [len(example.record) for example in self._makers["train"].make(places) if example.record]
        return max(1, SHARD_BYTES // max(1, sum(sizes) // len(sizes))) if sizes else 1

    def _kept_places(self, plan: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the places of the examples to be prepared of each split, in the order in which they are stored."""
        kept = {name: np.arange(len(split)) for name, split in self._data.splits.items()}
        if self._options.deduplicate:
            copies = self._find_copies()
            kept = {name: np.flatnonzero(copies[name] < 0) for name in kept}
        random = np.random.Generator(np.random.Philox(key=[self._options.seed, 0], counter=_COUNTER))
        return kept | {"train": random.permutation(kept["train"])}

    def _find_copies(self) -> dict[str, np.ndarray]:
        """Return `find_first_copies` of all image files, which are read for it once."""
        path = self._folder / _KEPT
        if path.is_file():
            with np.load(path, allow_pickle=False) as found:
                return {name: found[name] for name in self._data.splits}
        self._log("Looking for copies: every file is read.")
        digests = {}
        for name, split in self._data.splits.items():
            digests[name] = np.zeros((len(split), DIGEST_BYTES), np.uint8)
            for place, found in enumerate(self._makers[name].digests(np.arange(len(split)))):
                if found:
                    digests[name][place] = np.frombuffer(found, np.uint8)
        copies = find_first_copies(digests)
        with staged_file(path) as staged, staged.open("wb") as file:
            np.savez(file, **cast(dict[str, Any], copies))
        return copies

    def _write_split(
        self, name: str, places: np.ndarray, plan: dict[str, Any], unreadable: list[Problem]
    ) -> list[WrittenShard | None]:
        """Write the shards of a split that are not there yet, and return all."""
        size = plan["shard_examples"]
        count = max(1, -(-len(places) // size))
        written = []
        for number in range(count):
            some = places[number * size : (number + 1) * size]
            path = self._folder / f"{name}-{number:05}-of-{count:05}.array_record"
            found = read_note(path)
            if found is None or (found.left_out and not self._skip):
                examples = self._counted(self._makers[name].make(some))
                found = write_shard(path, examples, None if self._skip else unreadable)
            else:
                self._done += len(some)
            written.append(found)
        return written

    def _counted(self, examples: Iterator[Any]) -> Iterator[Any]:
        for example in examples:
            yield example
            self._done += 1
            self._progress(self._done)

    def _finish(self, shards: dict[str, list[WrittenShard]], plan: dict[str, Any]) -> PreparedManifest:
        """Write the columns, what was left out and the manifest, by which the preparation is finished."""
        copies = self._find_copies() if self._options.deduplicate else None
        self._write_left_out(shards, copies)
        across = {} if copies else self._copies_across(shards)
        splits = {}
        for name, split in self._data.splits.items():
            places = np.concatenate([each.places for each in shards[name]])
            if not len(places):
                message = f"No example of the split {name} of {self._data.name} is left."
                raise make_error("data_empty", message, remedy="another source")
            columns = {key: self._write_column(name, key, values) for key, values in self._columns(split, places)}
            targets = split.targets()[places]
            counts = () if self._data.targets.kind == "values" else self._class_counts(targets)
            whole = tuple(each.shard for each in shards[name] if each.shard)
            splits[name] = PreparedSplit(whole, columns, counts, across.get(name, {}))
        targets = asdict(self._data.targets) | {"shape": list(self._data.targets.shape)}
        left_out = {name: sum(len(each.left_out) for each in some) for name, some in shards.items()}
        copied = {name: int((found >= 0).sum()) for name, found in copies.items()} if copies else {}
        made = {
            "kresnet": __version__,
            "identity": self._identity,
            "shard_examples": plan["shard_examples"],
            "left_out": {"unreadable": left_out, "copies": copied},
        }
        manifest = PreparedManifest(self._data.name, self._data.class_names, targets, splits, made)
        write_json(self._folder / PREPARED_MARK, manifest.as_dict())
        self._clean_up()
        return manifest

    def _class_counts(self, targets: np.ndarray) -> tuple[int, ...]:
        return tuple(class_counts(targets, len(self._data.class_names)).tolist())

    def _columns(self, split: Split, places: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and values of each column of a split."""
        targets = split.targets()[places]
        kinds = {"classes": np.int32, "labels": np.uint8, "values": np.float32}
        yield "targets", targets.astype(kinds[self._data.targets.kind])
        if (weights := split.weights()) is not None:
            yield "weights", weights[places].astype(np.float32)
        if (groups := split.groups()) is not None:
            # Numbers that are the same in all splits: by them it is told which examples belong together.
            named = [each for other in self._data.splits.values() if (each := other.groups()) is not None]
            yield "groups", np.searchsorted(np.unique(np.concatenate(named)), groups[places]).astype(np.int64)

    def _write_column(self, split: str, name: str, values: np.ndarray) -> StoredFile:
        path = self._folder / f"{split}-{name}.npy"
        with staged_file(path) as staged:
            np.save(staged, values, allow_pickle=False)
        return StoredFile(path.name, path.stat().st_size, digest(path))

    def _copies_across(self, shards: dict[str, list[WrittenShard]]) -> dict[str, dict[str, tuple[int, str]]]:
        """Return for each split how many of its examples are copies of those of another, and one's name."""
        digests = {name: np.concatenate([each.digests for each in some]) for name, some in shards.items()}
        places = {name: np.concatenate([each.places for each in some]) for name, some in shards.items()}
        found: dict[str, dict[str, tuple[int, str]]] = {name: {} for name in shards}
        for one in shards:
            for other in shards:
                if one != other:
                    # As if the first split were kept first: copies of the second that are in it.
                    pair = {"test": digests[one], "train": digests[other]}
                    originals = find_first_copies(pair)["train"]
                    same = np.flatnonzero((originals >= 0) & (originals < len(digests[one])))
                    if len(same):
                        example = self._data.splits[other].example_name(int(places[other][same[0]]))
                        found[other][one] = len(same), example
        return found

    def _write_left_out(self, shards: dict[str, list[WrittenShard]], copies: dict[str, np.ndarray] | None) -> None:
        """Write a line for each example that was left out; no file where there is none."""
        lines: list[dict[str, Any]] = []
        names = [name for name in KEPT_FIRST if name in self._data.splits]
        bounds = np.cumsum([0, *(len(self._data.splits[name]) for name in names)])
        for name, split in self._data.splits.items():
            for each in shards[name]:
                for place, message in each.left_out.items():
                    lines.append({"split": name, "name": split.example_name(place), "reason": message})
            originals = copies[name] if copies else np.empty(0, np.int64)
            for copy in np.flatnonzero(originals >= 0).tolist():
                original = int(originals[copy])
                number = int(np.searchsorted(bounds, original, side="right")) - 1
                kept = self._data.splits[names[number]].example_name(original - int(bounds[number]))
                line = {"split": name, "name": split.example_name(copy), "reason": "a copy"}
                lines.append(line | {"of": {"split": names[number], "name": kept}})
        if lines:
            write_text(self._folder / LEFT_OUT, "".join(json.dumps(line) + "\n" for line in lines))

    def _clean_up(self) -> None:
        """Remove what only a preparation that goes on needs, and shards of which nothing was left."""
        for path in [*self._folder.glob("*.array_record")]:
            note = read_note(path)
            if note and note.shard is None:
                path.unlink()
            note_path(path).unlink(missing_ok=True)
        for path in (*(self._folder / name for name in (_UNFINISHED, _KEPT, _LOCK)), *self._folder.glob(".*.tmp*")):
            path.unlink(missing_ok=True)


__all__ = ["LEFT_OUT", "Preparation", "PreparationOptions"]
