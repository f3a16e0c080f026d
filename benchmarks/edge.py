"""`python -m benchmarks.edge FOLDER`: what integers cost and gain, beside floats and other runtimes, in one run.

In FOLDER the networks are trained where they are not yet (`--prepare` stops there), trained on for integers, and
written as every file that kresnet writes. Then one process that has no TensorFlow in Python, on one core, loads all
files of a network, runs the test images through each for accuracy and for agreement with the float network, and asks
them for one image in turns, for latency. TensorFlow's SavedModel is run by its C API, as TF Serving does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import commit, machine

DATA = Path(os.environ.get("KRESNET_TEST_DATA", "../shared/data"))
KRESNET = [sys.executable, "-m", "kresnet"]
THREADS, BATCH = 1, 50


@dataclass(frozen=True)
class Subject:
    """A network, and how it gets its weights.

    Attributes:
        spec: name of its spec.
        recipe: the recipe that it is trained by; empty for random weights.
        settings: changes of the recipe, and of the spec.
        weights: file of weights that training begins with, below the data's folder.
        rounded_epochs: epochs that it is trained on for integers.
    """

    spec: str
    recipe: str = ""
    settings: tuple[str, ...] = ()
    weights: str = ""
    rounded_epochs: int = 3


EMBEDDED = "recipe.data={kind: embedded, validation: 0.2}"
JPEG = f"recipe.data={{kind: tfds, name: cifar10_jpeg, data_dir: {DATA / 'tfds'}, validation: 0.1}}"
TRAIN_ON = ("recipe.optimizer.learning_rate=0.005", "recipe.precision=float32", "recipe.quantize={}")
SUBJECTS = {
    "quickstart": Subject("quickstart", "quickstart", (EMBEDDED,)),
    # PyTorch's weights for CIFAR-10, trained on for an epoch with the JPEG images.
    "cifar_resnet20": Subject(
        "cifar_resnet20_pytorch",
        "cifar_fast",
        (JPEG, "recipe.epochs=1", "recipe.optimizer.learning_rate=0.01", "recipe.schedule.warmup_epochs=0"),
        weights="weights/resnet20.safetensors",
        rounded_epochs=1,
    ),
    # The smallest of a phone's networks, for images of 28 pixels: its stem leaves them as large as they are.
    "mobilenet_v2_035": Subject(
        "mobilenet_v2_035",
        "search_fashion",
        (
            EMBEDDED,
            "input.shape=[28, 28, 1]",
            "input.pixels={mean: [0.2860], std: [0.3530]}",
            "stem.stride=1",
            "head.classes=10",
            "norm.momentum=0.9",  # of 0.999, a thousand steps are too few
            "recipe.optimizer.learning_rate=0.03",
        ),
    ),
    "resnet50": Subject("resnet50"),
}
#: Files of a network: format, weights, and whether of the network that was trained for integers.
FILES: dict[str, tuple[Any, str, bool]] = {
    "TensorFlow, float32": ("saved_model", "float32", False),
    "LiteRT, float32": ("tflite", "float32", False),
    "LiteRT, float16": ("tflite", "float16", False),
    "LiteRT, dynamic": ("tflite", "dynamic", False),
    "LiteRT, int16x8": ("tflite", "int16x8", False),
    "LiteRT, int8": ("tflite", "int8", False),
    "LiteRT, float32, trained for it": ("tflite", "float32", True),
    "LiteRT, int8, trained for it": ("tflite", "int8", True),
    "ONNX Runtime, float32": ("onnx", "float32", False),
    "ONNX Runtime, int8": ("onnx", "int8", False),
    "OpenVINO, float32": ("openvino", "float32", False),
    "OpenVINO, int8": ("openvino", "int8", False),
}
SUFFIXES = {"saved_model": "", "tflite": ".tflite", "onnx": ".onnx", "openvino": ".xml"}


def main() -> None:
    """Train, write, measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subject", action="append", choices=list(SUBJECTS), help="may be repeated; all by default")
    parser.add_argument("--set", action="append", default=[], help="a setting for each training, as for kresnet fit")
    parser.add_argument("--prepare", action="store_true", help="train and write, and measure nothing")
    parser.add_argument("--rounds", type=int, default=30, help="turns of one image a file")
    parser.add_argument("-o", "--output", type=Path, help="JSON with all figures")
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "ROUNDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(Path(options.measure[0]), int(options.measure[1]))))
        return
    entries = {}
    for name in options.subject or SUBJECTS:
        folder = options.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        prepare(SUBJECTS[name], folder, options.set)
        if not options.prepare:
            command = [sys.executable, "-m", "benchmarks.edge", str(folder), "--measure", str(folder)]
            done = subprocess.run([*command, str(options.rounds)], stdout=subprocess.PIPE, text=True, check=True)
            entries[name] = json.loads(done.stdout.splitlines()[-1])
    if entries:
        found = {"machine": machine(), "commit": commit(), "measured": time.strftime("%Y-%m-%d"), "subjects": entries}
        if options.output:
            options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print("\n".join(table(found)))


def prepare(subject: Subject, folder: Path, settings: list[str]) -> None:
    """Train what is to be trained, and write every file and the images that are not there yet."""
    plain, rounded, images = folder / "run", folder / "rounded", folder / "pictures"
    if subject.recipe:
        start = _converted(subject, folder / "start.keras") if subject.weights else ()
        _fit(plain, subject, (*subject.settings, *settings), *start)
        train_on = (*TRAIN_ON, f"recipe.epochs={subject.rounded_epochs}")
        _fit(rounded, subject, (*subject.settings, *settings, *train_on), "--init", str(plain))
    elif not plain.exists():
        _kresnet("build", subject.spec, "-o", str(plain))
    if not (folder / "test.npz").exists():
        code = "import sys; from benchmarks.edge import write_images; write_images(*sys.argv[1:])"
        subprocess.run([sys.executable, "-c", code, str(folder), "run" if subject.recipe else "random"], check=True)
    for name, (kind, weights, of_rounded) in FILES.items():
        path = _path(folder, name)
        if path.exists() or (of_rounded and not subject.recipe):
            continue
        given = [] if subject.recipe or kind == "saved_model" else ["--images", str(images), "--calibrate", "32"]
        try:
            _kresnet("export", str(rounded if of_rounded else plain), "-o", str(path), "--format", kind,
                     "--weights", weights, *given)  # fmt: skip
        except subprocess.CalledProcessError as error:
            if error.returncode != 1 or weights == "float32":
                raise
            print(f"{name} was refused: it loses more than its proof allows", file=sys.stderr)


def write_images(folder: str, kind: str) -> None:
    """Write the test images of a run and what they show; for random weights random pictures, as files too."""
    if kind == "run":
        from kresnet.data.pipeline import evaluation_batches
        from kresnet.evaluation.evaluate import open_test_data
        from kresnet.runs.run_directory import RunDirectory

        data, _ = open_test_data(RunDirectory.open(Path(folder) / "run"))
        batches = [(images.numpy(), labels.numpy()) for images, labels in evaluation_batches(data.test, 256)]
        images, labels = (np.concatenate(each) for each in zip(*batches, strict=True))
        np.savez(Path(folder) / "test.npz", images=images, labels=labels)
        return
    from PIL import Image

    shape = json.loads((Path(folder) / "run" / "plan.json").read_text())["input_shape"]
    images = np.random.default_rng(0).integers(0, 256, (32, *shape), np.uint8)
    (Path(folder) / "pictures").mkdir(exist_ok=True)
    for index, image in enumerate(images):
        Image.fromarray(image).save(Path(folder) / "pictures" / f"{index:02}.png")
    np.savez(Path(folder) / "test.npz", images=images)


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Return the figures of every file of a network; in a process without TensorFlow."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    given = np.load(folder / "test.npz")
    images, labels = given["images"], given.get("labels")
    runners = {name: _open(folder, name) for name in FILES if _path(folder, name).exists()}
    answers = {
        name: np.concatenate([run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])
        for name, run in runners.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(rounds + 3):
        for name, run in runners.items():
            began = time.perf_counter()
            run(images[:1])
            if turn >= 3:  # the first are slower
                taken[name].append(1000 * (time.perf_counter() - began))
    exact = answers[next(iter(answers))].argmax(1)
    return {
        name: {
            "accuracy": float(np.mean(answer.argmax(1) == labels)) if labels is not None else None,
            "agreement": float(np.mean(answer.argmax(1) == exact)),
            "bytes": _bytes(_path(folder, name)),
            "milliseconds": [min(taken[name]), statistics.median(taken[name]), max(taken[name])],
            "images": len(images),
        }
        for name, answer in answers.items()
    }


def table(found: dict[str, Any]) -> list[str]:
    """Return the figures as a Markdown table, a row a file."""
    rows = ["| network | runtime, weights | accuracy | lost | same class | KiB | ms, one image |",
            "|---|---|---|---|---|---|---|"]  # fmt: skip
    for subject, files in found["subjects"].items():
        for name, each in files.items():
            base = files["LiteRT, float32, trained for it" if "trained" in name else next(iter(files))]["accuracy"]
            accuracy = "" if each["accuracy"] is None else f"{each['accuracy']:.2%}"
            lost = "" if base is None else f"{100 * (base - each['accuracy']):.2f}"
            low, middle, high = each["milliseconds"]
            rows.append(f"| {subject} | {name} | {accuracy} | {lost} | {each['agreement']:.2%} | "
                        f"{each['bytes'] / 1024:,.0f} | {middle:.2f} ({low:.2f} to {high:.2f}) |")  # fmt: skip
    place = found["machine"]
    return [
        *rows,
        "",
        f"{place['processor']}, {place['cores']} cores; kresnet at {found['commit']}; {found['measured']}.",
    ]


def _open(folder: Path, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images to probabilities."""
    from kresnet.export.edge.file_runtimes import open_file

    kind, path = FILES[name][0], _path(folder, name)
    if kind != "saved_model":
        file = open_file(kind, path, THREADS)
        return lambda rows: file.run(rows)["probabilities"]
    from kresnet.export.capi import SavedModelSession
    from kresnet.export.version_folders import find_export

    version = find_export(next(each for each in path.iterdir() if each.is_dir()))
    assert version
    session = SavedModelSession(version)
    return lambda rows: session.run("serving_default", {"image": rows.astype(np.float32)})["probabilities"]


def _path(folder: Path, name: str) -> Path:
    kind = FILES[name][0]
    return folder / (name.replace(", ", "-").replace(" ", "_") + SUFFIXES[kind])


def _bytes(path: Path) -> int:
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    weights = path.with_suffix(".bin")
    return path.stat().st_size + (weights.stat().st_size if path.suffix == ".xml" else 0)


def _converted(subject: Subject, path: Path) -> tuple[str, str]:
    """Convert the weights that training begins with, and return the option that names them."""
    if not path.exists():
        _kresnet("convert", str(DATA / subject.weights), "--spec", subject.spec, "-o", str(path))
    return "--init", str(path)


def _fit(run: Path, subject: Subject, settings: tuple[str, ...], *arguments: str) -> None:
    if not (run / "result.json").exists():
        stated = [part for each in settings for part in ("--set", each)]
        _kresnet("fit", subject.spec, "--recipe", subject.recipe, "-o", str(run), *arguments, *stated)


def _kresnet(*arguments: str) -> None:
    print("kresnet", *arguments, file=sys.stderr)
    subprocess.run([*KRESNET, *arguments], check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
