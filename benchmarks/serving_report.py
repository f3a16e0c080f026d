"""Results of exports and of the server under load as the tables of docs/serving.md and docs/server.md.

python -m benchmarks.serving_report exports|load FILE [--docs PAGE]

With `--docs`, the tables between the page's two marks are replaced by those of the file.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import replaced
from benchmarks.spread import ratios, spread

_HEADS = {
    "kresnet": "kresnet",
    "kresnet_tuned": "kresnet, tuned",
    "model.export": "`model.export`",
    "onnxruntime": "ONNX Runtime",
}

#: How fast the folded network is to be beside ONNX Runtime, an image at a time; what share of the loop's throughput the
#: server is to reach at 8 connections.
PEER_GOAL, LOOP_GOAL, LOOP_CONNECTIONS = 1.0, 0.9, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=TABLES)
    parser.add_argument("results", type=Path)
    parser.add_argument("--docs", type=Path)
    options = parser.parse_args()
    text = TABLES[options.what](json.loads(options.results.read_text(encoding="utf-8")))
    if options.docs:
        page = options.docs.read_text(encoding="utf-8")
        options.docs.write_text(replaced(page, text), encoding="utf-8")
    else:
        print(text)


def exports(known: dict[str, Any]) -> str:
    """Size, memory and time of every subject."""
    entries = known["entries"]
    versions = {
        name: text for e in entries for each in e["contenders"].values() for name, text in each["versions"].items()
    }
    parts = [_environment(known, versions)]
    names = ["kresnet", "model.export"]
    rows = [
        [
            f"{each['subject']}: `{each['spec']}`, {each['weights']}",
            f"{each['weights_bytes']:,}",
            *(f"{each['contenders'][name]['files_bytes']:,}" for name in names),
            *(_memory(each["contenders"][name]) for name in _HEADS),
        ]
        for each in entries
    ]
    head = ["network", "weights, folded", *(f"{_HEADS[name]}: files" for name in names)]
    parts.append(_table([*head, *(f"{text}: MB loaded, after requests" for text in _HEADS.values())], rows))
    rows = [
        [
            f"{each['subject']}, {size}",
            *(spread(_milliseconds(each, name, size)) for name in _HEADS),
            spread(ratios(_milliseconds(each, "model.export", size), _milliseconds(each, "kresnet", size)), 2),
            _beside_the_peer(each, size),
        ]
        for each in entries
        for size in each["contenders"]["kresnet"]["milliseconds"]
    ]
    head = ["network, rows", *(f"{text}: ms" for text in _HEADS.values())]
    head += ["kresnet's speed over that of `model.export`", "kresnet's, tuned, over that of ONNX Runtime"]
    parts.append(_table(head, rows))
    return "\n\n".join(parts)


def _beside_the_peer(entry: dict[str, Any], size: str) -> str:
    found = ratios(_milliseconds(entry, "onnxruntime", size), _milliseconds(entry, "kresnet_tuned", size))
    return spread(found, 2) + (_goal(found, PEER_GOAL) if size == "1" else "")


def _milliseconds(entry: dict[str, Any], name: str, size: str) -> list[float]:
    return entry["contenders"][name]["milliseconds"][size]


def _memory(found: dict[str, Any]) -> str:
    """What a process holds beyond what its libraries took."""
    loaded, after = ((found[name] - found["before_bytes"]) / 1e6 for name in ("loaded_bytes", "after_bytes"))
    return f"{loaded:,.0f}, {after:,.0f}"


def load(known: dict[str, Any]) -> str:
    """Throughput, latency, and what became of the mixed load."""
    entries = known["entries"]
    parts = [_environment(known, {name: text for each in entries for name, text in each["versions"].items()})]
    rows = [
        [
            f"{each['subject']}, {each['connections']}",
            spread(each["loop_per_second"]),
            spread(each["onnxruntime_per_second"]),
            spread(each["rest"]["per_second"]),
            spread(each["rest"]["of_the_loop"], 2)
            + (_goal(each["rest"]["of_the_loop"], LOOP_GOAL) if each["connections"] == LOOP_CONNECTIONS else ""),
            _latency(each["rest"]["latency_ms"]),
        ]
        for each in entries
    ]
    head = ["network, connections", "loop: images/s", "ONNX Runtime: images/s", "REST: requests/s", "of the loop"]
    parts.append(_table([*head, "REST: ms at 50, 75, 90, 99 %"], rows))
    rows = [
        [
            f"{each['subject']}, {each['connections']}",
            *(f"{each['mixed'][name]:,}" for name in ("right", "wrong", "lost", "refused")),
            ", ".join(map(str, each["mixed"]["versions"])),
            _latency([each["mixed"]["latency_ms"]]),
            _course(each["mixed"]["resident_mb"]),
        ]
        for each in entries
    ]
    head = [
        "gRPC, mixed",
        "right",
        "wrong",
        "lost",
        "bad ones refused",
        "versions that answered",
        "ms at 50, 75, 90, 99 %",
    ]
    parts.append(_table([*head, "MB: first quarter, last quarter, most"], rows))
    return "\n\n".join(parts)


def _latency(turns: Sequence[dict[str, float]]) -> str:
    return ", ".join(f"{statistics.median(turn[which] for turn in turns):.3g}" for which in turns[0])


def _course(memory: Sequence[float]) -> str:
    """Resident memory at the beginning and at the end of a load (medians of a quarter), and at its most."""
    quarter = max(1, len(memory) // 4)
    return f"{statistics.median(memory[:quarter]):.0f}, {statistics.median(memory[-quarter:]):.0f}, {max(memory):.0f}"


def _goal(found: Sequence[float], goal: float) -> str:
    return f"; goal {goal:g}: {'reached' if statistics.median(found) >= goal else 'missed'}"


def _environment(known: dict[str, Any], versions: dict[str, str]) -> str:
    machine, entries = known["machine"], known["entries"]
    dates = sorted({entry["measured"] for entry in entries})
    libraries = ", ".join(f"{name} {text}" for name, text in sorted(versions.items()))
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"{entries[0]['threads']} threads for all; {libraries}, "
        f"Python {machine['python']}; kresnet at {', '.join(sorted({entry['commit'] for entry in entries}))}; "
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}. Median (least to greatest) of alternating turns."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {"exports": exports, "load": load}

if __name__ == "__main__":
    main()
