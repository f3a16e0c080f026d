"""`python -m benchmarks.augmentation_report FILE [--docs PAGE]`: results of `benchmarks.augmentation` as a table."""

from __future__ import annotations

from typing import Any

from benchmarks.report import report
from benchmarks.spread import ratios, spread

MARKS = ("<!-- augmentation: begin -->", "<!-- augmentation: end -->")

_COLUMNS = {
    "kresnet": "kresnet",
    "torchvision_image": "torchvision v2, image by image",
    "torchvision_batch": "torchvision v2, a batch at once",
    "timm": "timm",
}
#: Peers that draw for each image, or mix batches as we do; the first of them is what the ratio is to.
_LIKE_OURS = ("timm", "torchvision_image")


def table(known: dict[str, Any]) -> str:
    """All of a file's entries as Markdown."""
    head = ["images", "`augment`", *_COLUMNS.values(), "the peer's cost over kresnet's"]
    lines = [_environment(known), "", f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for entry in known["entries"]:
        costs = entry["microseconds"]
        cells = [spread(costs[name]) if name in costs else "" for name in _COLUMNS]
        peer = next((name for name in _LIKE_OURS if name in costs), None)
        over = spread(ratios(costs[peer], costs["kresnet"]), 2) if peer else ""
        lines.append(f"| {entry['side']}² | {entry['augmentation']} | {' | '.join(cells)} | {over} |")
    return "\n".join(lines)


def _environment(known: dict[str, Any]) -> str:
    machine, rounds = known["machine"], len(known["entries"][0]["microseconds"]["kresnet"])
    versions = ", ".join(f"{name} {text}" for name, text in sorted(known["versions"].items()))
    return (
        f"Microseconds of processor time an image, on one thread. {machine['processor']}; {versions}, Python "
        f"{machine['python']}; kresnet at {known['commit']}; {known['measured']}. Median (least to greatest) of "
        f"{rounds} alternating rounds, and of their ratios; the last column is over timm's where it has its own, else "
        "over torchvision's image by image."
    )


if __name__ == "__main__":
    report(__doc__, table, MARKS)
