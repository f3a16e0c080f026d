"""Results of `benchmarks.gpu` as text and as the table of docs/performance.md.

python -m benchmarks.gpu_report benchmarks/results/gpu.json [--docs docs/performance.md]

With `--docs`, what is between the page's two marks for a GPU is replaced by the table of the file.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.jobs import GPU_GOALS, GPU_SHARE_GOAL
from benchmarks.report import product_rate, product_share, report
from benchmarks.spread import ratios, spread

BEGIN, END = "<!-- gpu: begin -->", "<!-- gpu: end -->"
HEADS = {
    "kresnet_xla": "kresnet, XLA",
    "kresnet": "kresnet, no XLA",
    "torch_compile": "PyTorch, compiled",
    "torch": "PyTorch, eager",
}


def lines(entry: dict[str, Any]) -> Iterator[str]:
    """An entry for a terminal."""
    yield f"{_title(entry)}, {entry['mode']}"
    for name, found in _measured(entry).items():
        text = f"  {name:<14}{spread(found['images_per_second'])} images/s, {product_share(entry, name):.1%} of the"
        text += f" product rate, {_gb(found)} at most, first step {found['first_step_seconds']:.0f} s"
        yield text + (f"; {_beside(entry, name)}" if name.startswith("torch") else "")


def table(known: dict[str, Any]) -> str:
    """All entries as Markdown: what on, images/s, ratios, shares and memory."""
    entries = known["entries"]
    names = [name for name in HEADS if any(name in _measured(entry) for entry in entries)]
    rows = [["", *(HEADS[name] for name in names), "product rate"], ["---"] * (len(names) + 2)]
    rows += [
        [_title(each), *(_cell(each, name) for name in names), f"{product_rate(each) / 1e12:.0f} TFLOP/s"]
        for each in entries
    ]
    peers = [name for name in names if name.startswith("torch")]
    beside = [["kresnet with XLA over", *(HEADS[name] for name in peers), "its share of the product rate"]]
    beside += [["---"] * (len(peers) + 2)]
    beside += [[_title(each), *(_beside(each, name) for name in peers), _share_told(each)] for each in entries]
    return "\n\n".join(
        [_environment(known), *("\n".join(f"| {' | '.join(row)} |" for row in each) for each in (rows, beside))]
    )


def _measured(entry: dict[str, Any]) -> dict[str, Any]:
    """The contenders that took a turn at least."""
    return {name: each for name, each in entry["contenders"].items() if each["images_per_second"]}


def _title(entry: dict[str, Any]) -> str:
    kind = "float32 (TF32)" if entry["precision"] == "float32" else entry["precision"]
    return f"`{entry['network']}`, batch {entry['batch']}, {kind}"


def _cell(entry: dict[str, Any], name: str) -> str:
    found = _measured(entry).get(name)
    return f"{spread(found['images_per_second'])}; {_gb(found)}" if found else ""


def _beside(entry: dict[str, Any], name: str) -> str:
    """How many times as fast kresnet with XLA is, and what became of the goal."""
    measured = _measured(entry)
    if not {"kresnet_xla", name} <= set(measured):
        return ""
    found = ratios(*(measured[each]["images_per_second"] for each in ("kresnet_xla", name)))
    goal = GPU_GOALS.get((entry["network"], entry["precision"]), {}).get(name)
    return f"{spread(found, 2)} ×" + (f"; {_goal(statistics.median(found), goal)}" if goal else "")


def _goal(value: float, goal: float) -> str:
    return f"goal {goal:g}: {'reached' if value >= goal else 'missed'}"


def _share_told(entry: dict[str, Any]) -> str:
    if "kresnet_xla" not in _measured(entry):
        return ""
    share = product_share(entry, "kresnet_xla")
    goal = (entry["network"], entry["precision"]) == ("resnet50", "bfloat16")
    return f"{share:.1%}" + (f"; {_goal(share, GPU_SHARE_GOAL)}" if goal else "")


def _gb(found: dict[str, Any]) -> str:
    """Peak memory of the device, or of the process where there is no GPU."""
    return f"{(found['device_peak_bytes'] or found['peak_bytes']) / 1e9:.1f} GB"


def _environment(known: dict[str, Any]) -> str:
    machine, entries = known["machine"], known["entries"]
    versions = {name: text for e in entries for c in e["contenders"].values() for name, text in c["versions"].items()}
    details = ", ".join(f"{name.replace('.', ' ').replace('_', ' ')} {text}" for name, text in known["device"].items())
    rounds = sorted({len(each["images_per_second"]) for e in entries for each in _measured(e).values()})
    return (
        f"{machine['gpu'] or 'no GPU'}{f' ({details})' if details else ''}; "
        f"{machine['processor']}, {entries[0]['threads']} cores; "
        f"{', '.join(f'{name} {text}' for name, text in sorted(versions.items()))}, Python {machine['python']}; "
        f"kresnet at {', '.join(sorted({each['commit'] for each in entries}))}; "
        f"{', '.join(sorted({each['measured'] for each in entries}))}. Images/s, median (least to greatest) of "
        f"{' or '.join(map(str, rounds))} alternating rounds, and peak memory of the device."
    )


if __name__ == "__main__":
    report(__doc__, table, (BEGIN, END), lines)
