"""Workers on prepared data in the order by windows: each reads shards of its own, and the batches are the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kresnet.data.pipeline import BatchSlice, training_batches
from kresnet.data.sources.prepared import PreparedSource, open_prepared
from kresnet.data.splits import Split
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment, PreparedData
from tests.command import kresnet
from tests.distributed.worker_processes import FIRST_TOLERANCE, SPEC, fit, write_inputs

BATCH, STEPS = 64, 6
#: Of a loss after one step more than those of which `FIRST_TOLERANCE` is stated.
TOLERANCE = 10 * FIRST_TOLERANCE
#: Images are read as they are needed, each cropped anew; ten at a time from 40 shards, in lanes of a shard each.
RECIPE = """
name: short
data: {kind: prepared, path: shards, order: windowed, window_shards: 4}
augment: {crop: {kind: resized, area: [0.5, 1.0]}, flip: true}
epochs: 1
batch_size: 64
optimizer: {kind: sgd, learning_rate: 0.05}
seed: 0
deterministic: true
"""
DATA = PreparedData(kind="prepared", path="shards", order="windowed", window_shards=4)
AUGMENT = Augment.model_validate({"crop": {"kind": "resized", "area": [0.5, 1.0]}, "flip": True})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("prepared")
    write_inputs(directory)
    made = kresnet("prepare", "images", "-o", "shards", "--shard-examples", 10, cwd=directory)
    assert made.returncode == 0, made.stderr
    (directory / "short.yaml").write_text(RECIPE)
    return directory


def train_split(home: Path) -> Split:
    data = DATA.model_copy(update={"path": str(home / "shards")})
    return open_prepared(data, Input(shape=(8, 8, 1))).train


def read(home: Path, slices: list[BatchSlice], start: int = 0) -> tuple[np.ndarray, list[set[int]]]:
    """Images and labels of the steps from `start` on, as workers read them together; and each one's shards."""
    parts, shards = [], []
    for each in slices:
        split = train_split(home)
        source = split.source
        assert isinstance(source, PreparedSource)
        numbers: set[int] = set()
        really = source.records.read

        def noted(positions: np.ndarray, source=source, numbers=numbers, really=really) -> list[bytes]:
            numbers.update(source.records.shard_of(positions).tolist())
            return really(positions)

        source.records.read = noted  # type: ignore[method-assign]
        batches = training_batches(
            split, augment=AUGMENT, classes=2, batch_size=BATCH, seed=0, start_step=start, stop_step=STEPS,
            batch_slice=each,
        )  # fmt: skip
        parts.append(np.stack([np.append(images, labels) for images, labels in batches.as_numpy_iterator()]))
        shards.append(numbers)
    return np.stack(parts), shards


def in_one(parts: np.ndarray) -> np.ndarray:
    """Images and labels of whole batches, as one array a step: those of all workers' parts, side by side."""
    workers, steps, _ = parts.shape
    size = BATCH // workers
    images = parts[:, :, : size * 64].reshape(workers, steps, size, 64)
    labels = parts[:, :, size * 64 :].reshape(workers, steps, size, 1)
    return np.concatenate([images, labels], axis=-1).transpose(1, 0, 2, 3).reshape(steps, BATCH, 65)


@pytest.fixture(scope="module")
def alone(home: Path) -> np.ndarray:
    parts, (shards,) = read(home, [BatchSlice()])
    assert len(shards) > 35
    return in_one(parts)


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_workers_read_shards_of_their_own_and_the_same_batches(home: Path, alone: np.ndarray, workers: int) -> None:
    parts, shards = read(home, [BatchSlice(index, workers) for index in range(workers)])
    np.testing.assert_array_equal(in_one(parts), alone)
    shared = [one & other for place, one in enumerate(shards) for other in shards[place + 1 :]]
    assert sum(map(len, shared)) <= workers - 1  # what the border between two lanes cuts


@pytest.mark.slow  # as positions in tests/data/test_windowed_order.py
def test_other_workers_after_a_restart_change_only_who_reads_what(home: Path, alone: np.ndarray) -> None:
    """Two workers up to the third step, then four, then one."""
    two, _ = read(home, [BatchSlice(index, 2) for index in range(2)])
    four, _ = read(home, [BatchSlice(index, 4) for index in range(4)], start=3)
    one, _ = read(home, [BatchSlice()], start=5)
    together = np.concatenate([in_one(two)[:3], in_one(four)[:2], in_one(one)])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.slow
def test_two_processes_train_what_one_does_though_each_has_only_its_own_shards(home: Path, tmp_path: Path) -> None:
    """What a worker is not to read is spoiled where it lies; one process alone finds that."""
    _, shards = read(home, [BatchSlice(index, 2) for index in range(2)])
    files = [shard.file for shard in train_split(home).source.records.shards]  # type: ignore[attr-defined]
    places = [tmp_path / "chief", tmp_path / "other"]
    for place, kept in zip(places, shards, strict=True):
        shutil.copytree(home / "shards", place / "shards")
        shutil.copy(home / "short.yaml", place)
        (place / "tiny.yaml").write_text(SPEC)
        for number in set(range(len(files))) - kept:
            spoiled = place / "shards" / files[number]
            spoiled.write_bytes(bytes(spoiled.stat().st_size))
    arguments = ("tiny.yaml", "--recipe", "short.yaml")
    fit(places[0], 2, *arguments, "-o", "two", elsewhere=places[1])
    one = kresnet("fit", *arguments, "-o", "one", cwd=home)
    assert one.returncode == 0, one.stderr
    losses = [
        json.loads((run / "history.jsonl").read_text().splitlines()[0]) for run in (places[0] / "two", home / "one")
    ]
    assert losses[0]["step"] == losses[1]["step"] == STEPS
    assert losses[0]["train"]["loss"] == pytest.approx(losses[1]["train"]["loss"], rel=TOLERANCE)
    spoiled_for_one = kresnet("fit", *arguments, "-o", "one", cwd=places[0])
    assert spoiled_for_one.returncode == 2
    assert "[image_unreadable]" in spoiled_for_one.stderr
