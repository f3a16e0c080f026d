"""Data that `kresnet prepare` wrote into shards: read by position, wherever they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from kresnet.data.class_names import enumerate_names
from kresnet.data.order import ExampleOrder, PlacewiseOrder
from kresnet.data.prepared.manifest import PreparedManifest, PreparedSplit, StoredFile
from kresnet.data.prepared.records import record_features, record_texts
from kresnet.data.prepared.shards import DamagedShard, ShardRecords, require_sizes
from kresnet.data.prepared.storage import Storage, open_storage
from kresnet.data.sources.dataset import DataSet, Targets, fingerprint
from kresnet.data.sources.encoded_images import EncodedImages
from kresnet.data.sources.overlap import Overlap
from kresnet.data.splits import Split
from kresnet.data.unreadable_images import explain_unreadable
from kresnet.data.windowed_order import WindowedOrder
from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.files import digest
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import PreparedData
from kresnet.spec.recipe.data_reference import PREPARED_MARK

#: Shards that are mixed at a time where a recipe does not say.
WINDOW_SHARDS = 64


class PreparedSource(EncodedImages):
    """An `ImageSource` of the records of a prepared split, in their order.

    Attributes:
        failure: why the storage could not be read, once that happened.
    """

    native = False  # images are of any size

    def __init__(self, storage: Storage, split: PreparedSplit, targets: Targets, input: Input) -> None:
        """Take a split of a storage; its columns are mapped into memory, no shard is opened."""
        super().__init__(input)
        self.records = ShardRecords(storage, split.shards)
        self.failure: KresnetError | None = None
        self._kind, self._split, self._storage = targets.kind, split, storage
        self._features = record_features(targets.kind, targets.shape)
        self._targets = self._column("targets")
        self.weights = self._column("weights") if "weights" in split.columns else None
        self.groups = self._column("groups") if "groups" in split.columns else None

    def __len__(self) -> int:
        return len(self.records)

    def _column(self, name: str) -> np.ndarray:
        stored = self._split.columns[name]
        path = self._storage.local_file(stored)
        damage = _column_damage(path, stored, len(self.records))
        if damage:
            message = f"{stored.file} of {self._storage} {damage}."
            remedy = f"copy {stored.file} there again, or prepare the data again"
            raise make_error("data_missing", message, path="recipe.data.path", remedy=remedy)
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def _find(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        records = tf.numpy_function(self._read_records, [positions], tf.string, stateful=False)
        records.set_shape(positions.shape)
        examples = tf.io.parse_example(records, self._features)
        targets = tf.cast(examples["label"], tf.int32) if self._kind == "classes" else examples["target"]
        return examples["image"], targets

    def _read_records(self, positions: np.ndarray) -> np.ndarray:
        try:
            return np.array(self.records.read(positions), object)
        except KresnetError as error:
            self.failure = error
            raise ValueError(str(error)) from None  # TensorFlow makes an InvalidArgumentError of it

    def explain(self, position: int) -> Problem:
        """See `ImageSource.explain`."""
        name = f"The image in {self.records.describe(position)}"
        if problem := self.records.explain(position):
            return problem
        return explain_unreadable(name, self.encoded(position) or b"")

    def encoded(self, position: int) -> bytes | None:
        """See `ImageSource.encoded`."""
        try:
            return record_texts(self.records.read(np.array([position]))[0])[0]
        except DamagedShard:
            return None

    def example_name(self, position: int) -> str:
        """See `ImageSource.example_name`: what it was called before it was prepared."""
        try:
            return record_texts(self.records.read(np.array([position]))[0])[1]
        except DamagedShard:
            return self.records.describe(position)

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """See `ImageSource.targets`."""
        found = self._targets[positions]
        return found.astype(np.float32) if self._kind == "labels" else found

    def distinct_targets(self, positions: np.ndarray, classes: int) -> np.ndarray:
        """See `ImageSource.distinct_targets`."""
        if len(positions) < len(self) or self._kind == "values":
            return self.targets(positions)
        there = np.flatnonzero(self._split.class_counts)
        return there if self._kind == "classes" else np.eye(classes, dtype=np.float32)[there]


def open_prepared(data: PreparedData, input: Input) -> DataSet:
    """Open prepared data and check that their files are there.

    Raises:
        KresnetError: `data_missing`, `data_mismatch`, `image_unreadable` (a shard that was cut short),
            `data_unreachable`; `contradiction` where a random order would read a server's shards again and again.
    """
    storage = open_storage(data.path)
    manifest = read_manifest(storage)
    targets = Targets(**{**manifest.targets, "shape": tuple(manifest.targets["shape"])})
    used = {"train": data.train_split, "test": data.test_split}
    if isinstance(data.validation, str):
        used["validation"] = data.validation
    for field, name in used.items():
        _require_split(manifest, storage, field, name)
    sources: dict[str, PreparedSource] = {}
    for name in dict.fromkeys(used.values()):
        require_sizes(storage, manifest.splits[name].shards)
        sources[name] = PreparedSource(storage, manifest.splits[name], targets, input)
    _require_room(data, storage, manifest.splits[data.train_split])
    splits = {
        field: Split(name, sources[name], input, order=_order(data, sources[name])) for field, name in used.items()
    }
    facts = {"kind": "prepared", "fingerprint": manifest.fingerprint, "splits": used}
    return DataSet(
        str(storage),
        splits["train"],
        splits["test"],
        manifest.class_names,
        fingerprint(facts),
        targets,
        find_overlap=lambda one, other: _find_overlap(manifest, one, other),
        validation=splits.get("validation"),
    )


def read_manifest(storage: Storage) -> PreparedManifest:
    """Return the manifest of prepared data.

    Raises:
        KresnetError: `data_missing` or `data_mismatch`; `data_unreachable`.
    """
    return PreparedManifest.from_text(storage.read(PREPARED_MARK), str(storage))


def _order(data: PreparedData, source: PreparedSource) -> ExampleOrder:
    if data.order == "random":
        return PlacewiseOrder()
    lengths = np.diff(source.records.starts)
    return WindowedOrder(lengths, data.window_shards or WINDOW_SHARDS, source.records.request)


def _require_room(data: PreparedData, storage: Storage, split: PreparedSplit) -> None:
    """Raise `KresnetError` where a server's shards would be fetched again and again in the order that is wanted."""
    if data.order == "random":
        return storage.require_room(split.bytes, "--set recipe.data.order=windowed")
    window = data.window_shards or WINDOW_SHARDS
    largest = max(shard.bytes for shard in split.shards)
    needed = min(split.bytes, 2 * window * largest)  # this window and the next
    return storage.require_room(needed, f"--set recipe.data.window_shards={max(1, window // 4)}")


def _require_split(manifest: PreparedManifest, storage: Storage, field: str, name: str) -> None:
    if name in manifest.splits:
        return
    setting = field if field == "validation" else f"{field}_split"
    there = list(manifest.splits)
    raise make_error("data_missing", f"{storage} has no split {name}.", path=f"recipe.data.{setting}",
                     expected=enumerate_names(there), found=name, nearest=nearest(name, there),
                     remedy=f"--set recipe.data.{setting}={there[0]}")  # fmt: skip


def _column_damage(path: Path, stored: StoredFile, examples: int) -> str:
    """Return what is wrong with a column's file, as the end of a sentence; nothing if it is what was written."""
    try:
        if path.stat().st_size != stored.bytes or digest(path) != stored.sha256:
            return "is damaged, or belongs to other prepared data"
        header = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError):
        return "cannot be read"
    return "" if len(header) == examples else "does not belong to these shards"


def _find_overlap(manifest: PreparedManifest, one: Split, other: Split) -> Overlap:
    """Tell of two splits that are one, and of copies that were found when the data were prepared."""
    if one.source is other.source:
        same = one.name == other.name and np.array_equal(one.positions, other.positions)
        return Overlap(len(other), len(other), same=True, example="the whole split") if same else Overlap()
    count, example = manifest.splits[other.name].copies.get(one.name, (0, ""))
    return Overlap(count, len(other), example=example)
