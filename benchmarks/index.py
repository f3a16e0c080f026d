"""`python -m benchmarks.index`: what an index of many examples costs, made up and without pixels.

A folder of prepared data is made whose shards are empty files of their size; it is opened as a run opens it, and the
positions of some steps are asked for, from the start and from the middle of an epoch. Every case is a process of its
own; memory is what it holds more at most than after its imports.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARD_EXAMPLES, IMAGE_BYTES, CLASSES, BATCH = 1280, 52_000, 1000, 1024
CASES = (1_300_000, 100_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.index", description=__doc__)
    parser.add_argument("--examples", type=int, action="append", help="may be repeated; 1.3 and 100 million by default")
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "ORDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(Path(options.measure[0]), options.measure[1])))
        return
    print("| examples | order | open | memory | a step | first step at the middle |\n|---|---|---|---|---|---|")
    for examples in options.examples or CASES:
        with tempfile.TemporaryDirectory() as folder:
            make_index(Path(folder), examples)
            for order in ("random", "windowed"):
                command = [sys.executable, "-m", "benchmarks.index", "--measure", folder, order]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                print(
                    f"| {examples:,} | `{order}` | {found['open']:.2f} s | {found['megabytes']:,.0f} MB "
                    f"| {1e3 * found['step']:.2f} ms | {1e3 * found['middle']:.1f} ms |",
                    flush=True,
                )


def make_index(folder: Path, examples: int) -> None:
    """Write what `kresnet prepare` writes beside the shards, and shards without contents."""
    import numpy as np

    from kresnet.data.prepared.manifest import PreparedManifest, PreparedSplit, Shard, StoredFile
    from kresnet.files import digest

    splits = {}
    for name, count in (("train", examples), ("test", 50_000)):
        shards = []
        total = -(-count // SHARD_EXAMPLES)
        for number in range(total):
            held = min(SHARD_EXAMPLES, count - number * SHARD_EXAMPLES)
            file = f"{name}-{number:05}-of-{total:05}.array_record"
            (folder / file).touch()
            os.truncate(folder / file, held * IMAGE_BYTES)
            sha256 = hashlib.sha256(file.encode()).hexdigest()
            shards.append(Shard(file, held * IMAGE_BYTES, sha256, held, sha256[:32]))
        targets = np.random.default_rng(0).integers(0, CLASSES, count, np.int32)
        path = folder / f"{name}-targets.npy"
        np.save(path, targets)
        column = StoredFile(path.name, path.stat().st_size, digest(path))
        splits[name] = PreparedSplit(tuple(shards), {"targets": column}, tuple(np.bincount(targets).tolist()))
    kind = {"kind": "classes", "shape": [], "lowest": 0, "one_hot": False}
    manifest = PreparedManifest("made up", tuple(map(str, range(CLASSES))), kind, splits, {"kresnet": "benchmark"})
    (folder / "prepared.json").write_text(json.dumps(manifest.as_dict()))


def measure(folder: Path, order: str) -> dict[str, float]:
    """Open the data, and ask for the positions of steps."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import numpy as np

    from kresnet.data.order import steps_per_epoch
    from kresnet.data.sources import open_data
    from kresnet.data.sources.balanced import count_training_classes
    from kresnet.data.sources.inspection import inspect_data
    from kresnet.spec.inputs import Input
    from kresnet.spec.recipe import PreparedData, Recipe

    data_settings = PreparedData(kind="prepared", path=str(folder), order=order)
    document = {"name": "x", "data": data_settings.document(), "epochs": 1, "batch_size": BATCH,
                "optimizer": {"kind": "sgd", "learning_rate": 0.1}}  # fmt: skip
    recipe = Recipe.model_validate(document)
    open_data(recipe.data, Input(shape=(224, 224, 3)), 0)  # imports what opening imports
    before = resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    began = time.perf_counter()
    data = open_data(recipe.data, Input(shape=(224, 224, 3)), 0)
    inspect_data(data)
    count_training_classes(recipe, data)
    opened = time.perf_counter() - began

    def positions(epoch: Callable[[np.ndarray], Any], step: int) -> float:
        began = time.perf_counter()
        epoch(np.arange(step * BATCH, (step + 1) * BATCH))
        return time.perf_counter() - began

    steps = steps_per_epoch(len(data.train), BATCH)
    began = time.perf_counter()
    middle = data.train.order.epoch(0, 3, len(data.train), BATCH)
    positions(middle, steps // 2)
    first = time.perf_counter() - began
    each = float(np.mean([positions(middle, steps // 2 + step) for step in range(1, 101)]))
    peak = resident_bytes("VmHWM") - before
    return {"open": opened, "megabytes": peak / 1e6, "step": each, "middle": first}


def resident_bytes(name: str) -> int:
    """Return what Linux says of this process's memory."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
