"""`python -m benchmarks.distillation OUT --data DIR`: ResNet-20 taught by ResNet-56, and by labels alone.

CIFAR-10 as JPEG of TensorFlow Datasets in DIR, a few epochs, two seeds: the teacher is trained once a seed, then the
student without a teacher and with each kind of distillation. All of it goes on where it was stopped.
`OUT/distillation.json` holds the numbers, and the table of docs is printed.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.cifar_runs import accuracy, options_parser, percent, settings, trained

STUDENT, TEACHER = "cifar_resnet20", "cifar_resnet56"
KINDS: dict[str, dict[str, Any] | None] = {
    "labels alone": None,
    "soft, T 4": {"kind": "soft", "temperature": 4.0, "weight": 0.9},
    "hard": {"kind": "hard", "weight": 0.5},
    "feature, last stage": {"kind": "feature", "weight": 1.0},
}


def main() -> None:
    """Train all of it."""
    parser = options_parser(__doc__, epochs=4)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for seed in map(int, options.seeds.split(",")):
        common = settings(options, seed) | {"recipe.precision": "auto"}
        common |= dict(each.split("=", 1) for each in options.overrides)
        teacher = trained(TEACHER, options.out / f"teacher-{seed}", common)
        found.setdefault("the teacher", []).append(accuracy(teacher))
        for name, distill in KINDS.items():
            taught = {"recipe.distill": distill | {"teacher": str(teacher.path)}} if distill else {}
            folder = options.out / f"student-{name.split(',')[0].replace(' ', '-')}-{seed}"
            run = trained(STUDENT, folder, common | taught)
            found.setdefault(name, []).append(accuracy(run))
        (options.out / "distillation.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("| | test accuracy, % |\n|---|---:|")
    for name, values in found.items():
        print(f"| {name} | {percent(values)} |")


if __name__ == "__main__":
    main()
