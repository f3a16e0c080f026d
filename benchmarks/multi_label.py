"""Several labels an image, from a table to a served model: `python -m benchmarks.multi_label -o DIR`.

Four images of Fashion-MNIST are tiled into one, whose labels are the classes among them. The mosaics are image files
that a CSV lists; a network trains on it, is exported, and answers Classify requests; mean average precision and a
threshold for each label are computed with scikit-learn from what the server answers.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import csv
import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve

import kresnet
from kresnet.data.description import SPLITS
from kresnet.data.embedded import CLASS_NAMES, read_embedded
from kresnet.serving.server import ServerSettings, running_server

#: Images, uint8 (N, 28, 28, 1), and classes, integers (N,), of each split.
Images = Mapping[str, tuple[np.ndarray, np.ndarray]]

_REQUEST = 64  # images


def split_images(images: np.ndarray, labels: np.ndarray, test: tuple[np.ndarray, np.ndarray]) -> Images:
    """Return images to train on, a tenth of them to validate on, and to test on, so that no tile is in two splits."""
    held_out = np.random.default_rng(0).permutation(len(images)) % 10 == 0
    return {"train": (images[~held_out], labels[~held_out]), "validation": (images[held_out], labels[held_out]),
            "test": test}  # fmt: skip


def write_mosaics(folder: Path, images: Images, counts: Mapping[str, int], seed: int = 0) -> Path:
    """Write mosaics of 2 x 2 images as PNG files, and the table of them, whose path is returned.

    Args:
        folder: receives `SPLIT/NUMBER.png` and `mosaics.csv`, with the columns `image`, `labels` and `split`.
        images: what tiles are taken from.
        counts: how many mosaics to make of each split.
        seed: of the choice of tiles.
    """
    random = np.random.default_rng(seed)
    rows = []
    for split in SPLITS:
        tiles, classes = images[split]
        (folder / split).mkdir(parents=True, exist_ok=True)
        for number, chosen in enumerate(random.integers(0, len(tiles), (counts[split], 4))):
            left, right = (np.concatenate(tiles[chosen[pair]], axis=0) for pair in ([0, 1], [2, 3]))
            name = f"{split}/{number}.png"
            Image.fromarray(np.concatenate([left, right], axis=1)[..., 0]).save(folder / name)
            rows.append([name, "|".join(CLASS_NAMES[each] for each in np.unique(classes[chosen])), split])
    table = folder / "mosaics.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["image", "labels", "split"], *rows])
    return table


def settings(table: Path, epochs: int) -> dict[str, Any]:
    """Return what a run of `quickstart` on the mosaics changes of it."""
    data = {"kind": "table", "path": str(table), "labels": "labels", "split": "split", "validation": "validation"}
    return {
        "name": "mosaics",
        "input.shape": [56, 56, 1],
        "head.multi_label": True,
        "recipe.data": data,
        "recipe.epochs": epochs,
        "recipe.checkpoints.keep_best": {"metric": "average_precision_macro"},
    }


@contextmanager
def serving(models: Path) -> Iterator[str]:
    """Serve a directory of models on a free port of this machine; gives the server's address."""
    started: list[Any] = []
    ready = threading.Event()

    async def serve() -> None:
        stop = asyncio.Event()
        try:
            async with running_server(models, ServerSettings(rest_port=0, grpc_port=0)) as running:
                started.extend([running.rest_port, asyncio.get_running_loop(), stop])
                ready.set()
                await stop.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield f"http://127.0.0.1:{started[0]}"
    finally:
        if started:
            started[1].call_soon_threadsafe(started[2].set)
        thread.join()


def classify(server: str, model: str, paths: Sequence[Path]) -> list[dict[str, float]]:
    """Return the score of every label for image files, as the server's Classify API answers."""
    scores = []
    for start in range(0, len(paths), _REQUEST):
        examples = [
            {"image_bytes": {"b64": base64.b64encode(path.read_bytes()).decode()}}
            for path in paths[start : start + _REQUEST]
        ]
        body = json.dumps({"signature_name": "classify", "examples": examples}).encode()
        request = urllib.request.Request(f"{server}/v1/models/{model}:classify", body)
        with urllib.request.urlopen(request, timeout=60) as answer:
            scores += [dict(row) for row in json.load(answer)["results"]]
    return scores


def best_thresholds(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return for each label the threshold of the highest F1, float (labels,)."""
    thresholds = []
    for actual, score in zip(targets.T, scores.T, strict=True):
        precision, recall, at = precision_recall_curve(actual, score)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        thresholds.append(at[np.argmax(f1[:-1])])
    return np.array(thresholds)


def measure(table: Path, server: str, model: str) -> dict[str, Any]:
    """Measure a served model on the test mosaics: thresholds are chosen on those to validate on.

    Returns:
        `mean_average_precision`; `f1` at one half and at the thresholds, means over the labels; and of each of the
        `labels` its `average_precision`, `threshold` and `f1`.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for split in ("validation", "test"):
        chosen = [row for row in rows if row["split"] == split]
        answers = classify(server, model, [table.parent / row["image"] for row in chosen])
        targets = np.array([[name in row["labels"].split("|") for name in CLASS_NAMES] for row in chosen], int)
        found[split] = targets, np.array([[answer[name] for name in CLASS_NAMES] for answer in answers])
    thresholds = best_thresholds(*found["validation"])
    targets, scores = found["test"]
    precisions = average_precision_score(targets, scores, average=None)
    at_half, at_best = (
        f1_score(targets, scores >= limit, average=None, zero_division=0) for limit in (0.5, thresholds)
    )
    return {
        "images": len(targets),
        "mean_average_precision": float(np.mean(precisions)),
        "f1": {"at_one_half": float(np.mean(at_half)), "at_thresholds": float(np.mean(at_best))},
        "labels": {
            name: {
                "average_precision": float(precisions[n]),
                "threshold": float(thresholds[n]),
                "f1": float(at_best[n]),
            }
            for n, name in enumerate(CLASS_NAMES)
        },
    }


def train_and_serve(folder: Path, table: Path, epochs: int, **changes: Any) -> dict[str, Any]:
    """Train on the mosaics, export the best epoch's network, serve it and measure it.

    Returns:
        What `measure` does, and `evaluated`, what `Run.evaluate` measures on the same images.
    """
    run = kresnet.fit("quickstart", overrides=settings(table, epochs) | changes, output=folder / "run")
    evaluated = run.evaluate(best=True)
    kresnet.export_model(run.path, folder / "models", best=True)
    with serving(folder / "models") as server:
        measured = measure(table, server, "mosaics")
    names = ("loss", "accuracy", "exact_match", "average_precision_macro")
    return measured | {"evaluated": {name: evaluated[name] for name in names}}


def fashion_mnist(data_dir: Path) -> Images:
    """Return all of Fashion-MNIST, as TensorFlow Datasets has prepared it."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    from kresnet.data.sources import open_data
    from kresnet.spec.inputs import Input, Pixels
    from kresnet.spec.recipe import TfdsData

    data = TfdsData(kind="tfds", name="fashion_mnist", data_dir=str(data_dir))
    opened = open_data(data, Input(shape=(28, 28, 1), pixels=Pixels()), 0)
    whole = [split.fetch(np.arange(len(split))) for split in (opened.train, opened.test)]
    (images, labels), test = ((each.numpy() for each in part) for part in whole)
    return split_images(images, labels, tuple(test))


def embedded_images() -> Images:
    """Return the images that ship with kresnet."""
    arrays = read_embedded()
    test = arrays["test_images"], arrays["test_labels"]
    return split_images(arrays["train_images"], arrays["train_labels"], test)


def main() -> None:
    """Make mosaics, train, serve, measure; print the figures as a table and write them to `DIR/result.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data-dir", type=Path, help="prepared fashion_mnist; without it the images in the package")
    parser.add_argument("--mosaics", type=int, default=20_000, help="to train on; a tenth to validate and to test on")
    parser.add_argument("--epochs", type=int, default=10)
    chosen = parser.parse_args()
    images = fashion_mnist(chosen.data_dir) if chosen.data_dir else embedded_images()
    counts = {"train": chosen.mosaics, "validation": chosen.mosaics // 10, "test": chosen.mosaics // 10}
    table = write_mosaics(chosen.output / "mosaics", images, counts)
    result = train_and_serve(chosen.output, table, chosen.epochs)
    (chosen.output / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("| label | average precision | threshold | F1 |\n|---|---|---|---|")
    for name, label in result["labels"].items():
        print(f"| {name} | {label['average_precision']:.3f} | {label['threshold']:.2f} | {label['f1']:.3f} |")
    print(f"| mean | {result['mean_average_precision']:.3f} | | {result['f1']['at_thresholds']:.3f} |")
    print(json.dumps({"f1": result["f1"], "evaluated": result["evaluated"]}))


if __name__ == "__main__":
    main()
