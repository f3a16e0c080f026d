"""Results as text and as the tables of docs/performance.md.

python -m benchmarks.report FILE [--docs docs/performance.md]

With `--docs`, the tables between the page's two marks are replaced by those of the file.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.jobs import FIRST_STEP_GOAL, GOALS, NETWORKS
from benchmarks.spread import ratios, spread

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"

_HEADS = {
    "kresnet": "kresnet",
    "keras": "Keras, default",
    "keras_tuned": "Keras, tuned",
    "torch": "PyTorch",
    "torch_compile": "PyTorch, compiled",
    "jax": "JAX, compiled",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}


def report(
    description: str | None,
    table: Callable[[dict[str, Any]], str],
    marks: tuple[str, str],
    lines: Callable[[dict[str, Any]], Iterator[str]] | None = None,
) -> None:
    """Put the table of a file of results between the marks of a page, or print it, as the command line says.

    Args:
        description: of the command.
        table: makes Markdown of what a file of results holds.
        marks: what stands before and behind the table in the page.
        lines: makes text of an entry, to be printed instead of the table.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--docs", type=Path)
    options = parser.parse_args()
    known = json.loads(options.results.read_text(encoding="utf-8"))
    if options.docs:
        page = options.docs.read_text(encoding="utf-8")
        options.docs.write_text(replaced(page, table(known), marks), encoding="utf-8")
    elif lines:
        for entry in known["entries"]:
            print("\n".join(lines(entry)))
    else:
        print(table(known))


def replaced(page: str, text: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """The page with `text` between its marks."""
    begin, end = marks
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{text}\n{end}{after}"


def lines(entry: dict[str, Any]) -> Iterator[str]:
    """An entry for a terminal."""
    yield f"{entry['network']}, {entry['precision']}, {entry['mode']}, batch {entry['batch']}"
    for name, found in entry["contenders"].items():
        if entry["mode"] == "first_step":
            yield f"  {name:<14}{spread(found['first_step_cpu_seconds'])} CPU s to the first step"
            continue
        share = f"{product_share(entry, name):.0%} of the product rate"
        text = f"  {name:<14}{spread(found['images_per_second'])} images/s, {share}, {_gb(found)} at most"
        if name != "kresnet" and "kresnet" in entry["contenders"]:
            text += f"; kresnet is {spread(_ratios(entry, name), 2)} times as fast{_goal(entry, name)}"
        yield text


def tables(known: dict[str, Any]) -> str:
    """All of a file's entries as Markdown."""
    speed = [entry for entry in known["entries"] if entry["mode"] != "first_step"]
    first = [entry for entry in known["entries"] if entry["mode"] == "first_step"]
    parts = [_environment(known)]
    for mode in ("training", "inference"):
        if found := [entry for entry in speed if entry["mode"] == mode]:
            parts += [f"### {mode.capitalize()}: images/s", _speed_table(found), _ratio_table(found)]
            parts += [f"### {mode.capitalize()}: share of the product rate, peak host memory", _share_table(found)]
    if first:
        parts += [f"### First step: CPU seconds, batch {first[0]['batch']}", _first_table(first)]
    return "\n\n".join(parts)


def _speed_table(entries: list[dict[str, Any]]) -> str:
    names = ["kresnet", *_present(entries)]
    cell = lambda each, name: spread(each["contenders"][name]["images_per_second"])  # noqa: E731
    return _table(["", *(_HEADS[name] for name in names)], entries, _rows(entries, names, cell))


def _ratio_table(entries: list[dict[str, Any]]) -> str:
    names = _present(entries)
    cell = lambda each, name: spread(_ratios(each, name), 2) + _goal(each, name)  # noqa: E731
    head = ["kresnet's speed over that of", *(_HEADS[name] for name in names)]
    return _table(head, entries, _rows(entries, names, cell))


def _share_table(entries: list[dict[str, Any]]) -> str:
    names = ["kresnet", *_present(entries)]
    cell = lambda each, name: f"{product_share(each, name):.0%}, {_gb(each['contenders'][name])}"  # noqa: E731
    rows = _rows(entries, names, cell)
    products = [f"{product_rate(each) / 1e9:.0f} GFLOP/s" for each in entries]
    head = ["", "4096² product", *(_HEADS[name] for name in names)]
    return _table(head, entries, [[product, *row] for product, row in zip(products, rows, strict=True)])


def _first_table(entries: list[dict[str, Any]]) -> str:
    names = ["kresnet", *_present(entries)]
    cell = lambda each, name: spread(each["contenders"][name]["first_step_cpu_seconds"], 1)  # noqa: E731
    rows = _rows(entries, names, cell)
    for entry, row in zip(entries, rows, strict=True):
        if entry["network"] == "resnet50":
            reached = statistics.median(entry["contenders"]["kresnet"]["first_step_cpu_seconds"]) <= FIRST_STEP_GOAL
            row[0] += f"; goal {FIRST_STEP_GOAL:g}: {'reached' if reached else 'missed'}"
    return _table(["", *(_HEADS[name] for name in names)], entries, rows)


def _rows(
    entries: list[dict[str, Any]], names: Sequence[str], cell: Callable[[dict[str, Any], str], str]
) -> list[list[str]]:
    """The cells of a table; a dash where a contender takes no part."""
    return [[cell(each, name) if name in each["contenders"] else "—" for name in names] for each in entries]


def _table(head: list[str], entries: list[dict[str, Any]], rows: list[list[str]]) -> str:
    titles = [f"`{each['network']}`, batch {each['batch']}, {each['precision']}" for each in entries]
    written = [head, ["---"] * len(head), *([title, *row] for title, row in zip(titles, rows, strict=True))]
    return "\n".join(f"| {' | '.join(row)} |" for row in written)


def _present(entries: list[dict[str, Any]]) -> list[str]:
    """The contenders beside kresnet that any entry has."""
    return [name for name in _HEADS if name != "kresnet" and any(name in entry["contenders"] for entry in entries)]


def _ratios(entry: dict[str, Any], name: str) -> list[float]:
    contenders = entry["contenders"]
    return ratios(contenders["kresnet"]["images_per_second"], contenders[name]["images_per_second"])


def _goal(entry: dict[str, Any], name: str) -> str:
    goal = GOALS.get((entry["network"], entry["precision"], entry["mode"]), {}).get(name)
    if goal is None:
        return ""
    reached = statistics.median(_ratios(entry, name)) >= goal
    return f"; goal {goal:g}: {'reached' if reached else 'missed'}"


def product_rate(entry: dict[str, Any]) -> float:
    """The highest rate at which a contender multiplied large matrices in this precision."""
    return max(found["product_flops"] for found in entry["contenders"].values())


def product_share(entry: dict[str, Any], name: str) -> float:
    """Of the product rate, by the operations of the network's convolutions and dense layers alone."""
    rate = statistics.median(entry["contenders"][name]["images_per_second"])
    return rate * NETWORKS[entry["network"]].flop(entry["mode"]) / product_rate(entry)


def _gb(found: dict[str, Any]) -> str:
    return f"{found['peak_bytes'] / 1e9:.1f} GB"


def _environment(known: dict[str, Any]) -> str:
    machine, entries = known["machine"], known["entries"]
    versions = {name: text for e in entries for c in e["contenders"].values() for name, text in c["versions"].items()}
    commits = sorted({entry["commit"] for entry in entries})
    units = ", ".join(machine["bfloat16_units"]) or "no bfloat16 units"
    dates = sorted({entry["measured"] for entry in entries})
    rounds = sorted({len(c.get("images_per_second", [])) for e in entries for c in e["contenders"].values()} - {0})
    return (
        f"{machine['processor']}, {machine['cores']} cores ({units}), {machine['memory_gib']} GiB"
        f"{', ' + machine['gpu'] if machine['gpu'] else ', no GPU'}; {entries[0]['threads']} threads for all; "
        f"{', '.join(f'{name} {text}' for name, text in sorted(versions.items()))}, Python {machine['python']}; "
        f"kresnet at {', '.join(commits)}; {' to '.join(dict.fromkeys((dates[0], dates[-1])))}. "
        f"Median (least to greatest) of {' or '.join(map(str, rounds))} alternating rounds."
    )


if __name__ == "__main__":
    report(__doc__, tables, (BEGIN, END), lines)
