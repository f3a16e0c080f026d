"""What helps on skewed classes: Fashion-MNIST with two rare classes, trained with each setting for it.

    python -m benchmarks.skewed DATA_DIR FOLDER

DATA_DIR holds Fashion-MNIST as TensorFlow Datasets prepares it. FOLDER gets the skewed data (`skewed-SEED.npz`), one
run a setting and seed, and `results.json`; what is there already is not made again. The table of docs/own-data.md is
printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

import kresnet

#: Training images of a common class, the part of them that the two rare classes have, and test images of every class.
COMMON, RARE, TESTED = 1000, (0.01, 0.05), 100
SEEDS = (0, 1, 2)
SPEC = {
    "name": "small",
    "input": {"shape": [28, 28, 1], "pixels": {"mean": [0.2861], "std": [0.353]}},
    "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 2},
    "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 16}, {"blocks": 1, "width": 32, "stride": 2}],
    "head": {"classes": 10},
}
RECIPE = {
    "name": "skewed",
    "epochs": 5,
    "batch_size": 128,
    "augment": {"crop_padding": 2, "flip": True},
    "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0005},
    "schedule": {"kind": "cosine", "warmup_epochs": 1.0},
}
#: Name of each setting, as the table has it, and what it adds to the recipe.
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "`class_weights: balanced`": {"class_weights": "balanced"},
    "`sampling: balanced`": {"sampling": "balanced"},
    "`loss: {kind: focal}`": {"loss": {"kind": "focal"}},
    "`loss: {kind: softmax, logit_adjustment: 1.0}`": {"loss": {"kind": "softmax", "logit_adjustment": 1.0}},
}
METRICS = ("accuracy", "balanced_accuracy", "macro_f1")


def skewed_counts(classes: int, seed: int) -> np.ndarray:
    """Return how many training images each class has: `COMMON`, but two classes, drawn by the seed, `RARE` of that."""
    counts = np.full(classes, COMMON)
    counts[np.random.default_rng(seed).choice(classes, 2, replace=False)] = np.rint(COMMON * np.array(RARE))
    return counts


def draw_positions(labels: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    """Return the positions, ascending, of `counts[c]` examples of each class c, drawn by the seed."""
    random = np.random.default_rng([seed, 1])
    chosen = [random.choice(np.flatnonzero(labels == each), count, replace=False) for each, count in enumerate(counts)]
    return np.sort(np.concatenate(chosen))


def read_fashion_mnist(data_dir: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], list[str]]:
    """Return images and labels of both splits of Fashion-MNIST, and the names of its classes."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import tensorflow_datasets as tfds

    builder = tfds.builder("fashion_mnist", data_dir=str(data_dir))
    splits = {}
    for split in ("train", "test"):
        examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        splits[split] = examples["image"], examples["label"]
    return splits, builder.info.features["label"].names


def write_data(splits: dict[str, tuple[np.ndarray, np.ndarray]], names: list[str], seed: int, path: Path) -> None:
    """Write the skewed training images of a seed, and balanced test images, as kresnet's `kind: arrays` reads them."""
    arrays = {}
    for split, counts in (("train", skewed_counts(len(names), seed)), ("test", np.full(len(names), TESTED))):
        images, labels = splits[split]
        positions = draw_positions(labels, counts, seed)
        arrays[f"{split}_inputs"], arrays[f"{split}_targets"] = images[positions], labels[positions]
    np.savez_compressed(path, **arrays, class_names=np.array(names))


def train(folder: Path, name: str, seed: int) -> dict[str, float]:
    """Train one setting with one seed, if that has not been done, and return what the result says of test images."""
    run = folder / f"{list(SETTINGS).index(name)}-{seed}"
    if not (run / "result.json").is_file():
        recipe = RECIPE | SETTINGS[name] | {"seed": seed}
        recipe |= {"data": {"kind": "arrays", "path": str(folder / f"skewed-{seed}.npz")}}
        kresnet.fit(SPEC, recipe, output=run)
    metrics: dict[str, float] = json.loads((run / "result.json").read_text())["test"]
    return metrics


def table(results: dict[str, list[dict[str, float]]]) -> list[str]:
    """Return the lines of a table: mean and standard deviation over the seeds, in percent."""
    lines = ["| | accuracy | balanced accuracy | macro F1 | AUROC |", "|---|---|---|---|---|"]
    for name, runs in results.items():
        cells = [[100 * run[metric] for run in runs] for metric in (*METRICS, "auroc_macro")]
        texts = [f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}" for values in cells]
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return lines


def main() -> None:
    """Make the data, train all settings, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    paths = {seed: folder / f"skewed-{seed}.npz" for seed in SEEDS}
    if missing := [seed for seed, path in paths.items() if not path.is_file()]:
        splits, names = read_fashion_mnist(arguments.data_dir)
        for seed in missing:
            write_data(splits, names, seed, paths[seed])
    by_seed = [{name: train(folder, name, seed) for name in SETTINGS} for seed in SEEDS]
    results = {name: [each[name] for each in by_seed] for name in SETTINGS}
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
