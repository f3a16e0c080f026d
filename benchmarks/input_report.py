"""`python -m benchmarks.input_report FILE [--docs PAGE]`: results of `benchmarks.input` as the page's table."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.report import report
from benchmarks.spread import ratios, spread

MARKS = ("<!-- input: begin -->", "<!-- input: end -->")

_NAMES = {
    "tf_training": "tf.data, antialiased",
    "tf_tutorial": "tf.data, as tutorials have it (not antialiased)",
    "tf_evaluation": "tf.data, antialiased",
    "torch_training": "PyTorch `DataLoader`, Pillow",
    "torch_evaluation": "PyTorch `DataLoader`, Pillow",
    "decode_1": "decoding alone",
    "decode_part": "decoding alone, of a random part at the same ratio",
    "decode_4": "decoding alone, at a quarter of the size",
    "decode_8": "decoding alone, at an eighth of the size",
}
#: (images, peer) -> how many times its speed kresnet is to reach.
GOALS = {
    **{("500x375", name): 1.5 for name in ("tf_training", "tf_evaluation")},
    **{("500x375", name): 1.3 for name in ("torch_training", "torch_evaluation")},
    ("500x375", "decode_1"): 0.55,
    **{("12 megapixels", name): 1 / 1.3 for name in ("decode_part", "decode_4")},
    **{("48 megapixels", name): 1 / 1.3 for name in ("decode_part", "decode_8")},
}


def table(known: dict[str, Any]) -> str:
    """All of a file's entries as Markdown."""
    lines = [_environment(known), "", "| | images/s | kresnet's over it | goal |", "| --- | --- | --- | --- |"]
    for entry in known["entries"]:
        images, rates = entry["images"], dict(entry["images_per_second"])
        ours = rates.pop(f"kresnet_{entry['task']}")
        lines.append(f"| **{images}, {_task(entry)}: kresnet** | **{spread(ours)}** | | |")
        for name, theirs in rates.items():
            found = ratios(ours, theirs)
            lines.append(f"| {_NAMES[name]} | {spread(theirs)} | {spread(found, 2)} | {_goal(images, name, found)} |")
    return "\n".join(lines)


def _task(entry: dict[str, Any]) -> str:
    task: str = entry["task"]
    return f"{task.removeprefix('scaled_')}, `jpeg_decoding: scaled`" if task.startswith("scaled_") else task


def _goal(images: str, name: str, found: list[float]) -> str:
    goal = GOALS.get((images, name))
    if goal is None:
        return ""
    return f"{goal:.2g}: {'reached' if statistics.median(found) >= goal else 'missed'}"


def _environment(known: dict[str, Any]) -> str:
    machine, rounds = known["machine"], len(next(iter(known["entries"][0]["images_per_second"].values())))
    versions = ", ".join(f"{name} {text}" for name, text in sorted(known["versions"].items()))
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; {versions}, Python "
        f"{machine['python']}; {known['workers']} workers of PyTorch's loader; kresnet at {known['commit']}; "
        f"{known['measured']}. Median (least to greatest) of {rounds} alternating rounds, and of their ratios."
    )


if __name__ == "__main__":
    report(__doc__, table, MARKS)
