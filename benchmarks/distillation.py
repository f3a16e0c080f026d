"""`python -m benchmarks.distillation OUT --data DIR`: ResNet-20 taught by ResNet-56, and by labels alone.

CIFAR-10 as JPEG of TensorFlow Datasets in DIR, a few epochs, two seeds: the teacher is trained once a seed, then the
student without a teacher and with each kind of distillation. All of it goes on where it was stopped.
`OUT/distillation.json` holds the numbers, and the table of docs is printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import kresnet

STUDENT, TEACHER = "cifar_resnet20", "cifar_resnet56"
KINDS: dict[str, dict[str, Any] | None] = {
    "labels alone": None,
    "soft, T 4": {"kind": "soft", "temperature": 4.0, "weight": 0.9},
    "hard": {"kind": "hard", "weight": 0.5},
    "feature, last stage": {"kind": "feature", "weight": 1.0},
}


def trained(spec: str, output: Path, settings: dict[str, Any]) -> kresnet.Run:
    """Train a network, or go on with it, or open it where it is trained."""
    if (output / "recipe.yaml").is_file():
        return kresnet.resume(output)
    return kresnet.fit(spec, "cifar_fast", output=output, overrides=settings)


def accuracy(run: kresnet.Run) -> float:
    """Return the accuracy of a finished run on the test images."""
    assert run.result
    return run.result["test"]["accuracy"]


def main() -> None:
    """Train all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", required=True, help="where TensorFlow Datasets has cifar10_jpeg")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for seed in map(int, options.seeds.split(",")):
        settings = {
            "recipe.data": {"kind": "tfds", "name": "cifar10_jpeg", "data_dir": options.data},
            "recipe.epochs": options.epochs,
            "recipe.seed": seed,
            "recipe.precision": "auto",
        } | dict(each.split("=", 1) for each in options.overrides)
        teacher = trained(TEACHER, options.out / f"teacher-{seed}", settings)
        found.setdefault("the teacher", []).append(accuracy(teacher))
        for name, distill in KINDS.items():
            own = (
                settings if distill is None else settings | {"recipe.distill": distill | {"teacher": str(teacher.path)}}
            )
            folder = options.out / f"student-{name.split(',')[0].replace(' ', '-')}-{seed}"
            run = trained(STUDENT, folder, own)
            found.setdefault(name, []).append(accuracy(run))
        (options.out / "distillation.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("| | test accuracy, % |\n|---|---:|")
    for name, values in found.items():
        spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
        print(f"| {name} | {100 * statistics.mean(values):.2f}{spread} |")


if __name__ == "__main__":
    main()
