"""Images/s of 1, 2 and 4 workers on this machine, each worker held to one core, the global batch the same.

python -m benchmarks.scaling [--workers 2 4] [--rounds 3] [--batch 128] [--epochs 2] [-o scaling.json]

The norm is that of each replica, and that of the global batch. More workers than cores share them: their row shows
what working together costs, not what it gains.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import commit, machine
from benchmarks.spread import ratios, spread
from tests.distributed.worker_processes import start_workers

CORES = sorted(os.sched_getaffinity(0))


def rate(count: int, synchronized: bool, batch: int, epochs: int) -> float:
    """Images/s, over all workers, of the last epoch of a training of `quickstart`; compiling is in the first."""
    settings = {
        "recipe.distribution": "multi_worker" if count > 1 else "one_device",
        "recipe.batch_size": batch,
        "recipe.epochs": epochs,
        "norm": f"{{kind: batch, synchronized: {str(synchronized).lower()}}}",
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as home:
        with start_workers(Path(home), count, "fit", "quickstart", "-o", "run", *options, cores=CORES) as workers:
            for status, _, told in workers.wait_for_all(600):
                if status:
                    raise SystemExit(told)
        lines = (Path(home) / "run" / "history.jsonl").read_text().splitlines()
    return float(json.loads(lines[-1])["images_per_second"])


def measure(ways: list[tuple[int, bool]], rounds: int, batch: int, epochs: int) -> list[dict[str, Any]]:
    """A row for each number of workers and kind of norm; every round has them all, in another order.

    Efficiency is the rate over that of as many processes alone, of the same norm and round, as there are cores at work.
    """
    rows: dict[tuple[int, bool], dict[str, Any]] = {
        (count, synchronized): {"workers": count, "cores": min(count, len(CORES)), "synchronized_norm": synchronized,
                                "images_per_second": []}
        for count, synchronized in ways
    }  # fmt: skip
    for turn in range(rounds):
        for way in [*ways[turn % len(ways) :], *ways[: turn % len(ways)]]:
            found = rate(*way, batch, epochs)
            rows[way]["images_per_second"].append(found)
            norm = "synchronised norm" if way[1] else "norm per replica"
            print(f"round {turn + 1}: {way[0]} workers, {norm}: {found:,.0f} images/s", file=sys.stderr, flush=True)
    for (_, synchronized), row in rows.items():
        alone = rows[(1, synchronized)]["images_per_second"]
        row["efficiency"] = ratios(row["images_per_second"], [each * row["cores"] for each in alone])
    return list(rows.values())


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| workers | cores | norm | images/s | efficiency |", "|---|---|---|---|---|"]
    for row in rows:
        norm = "synchronised" if row["synchronized_norm"] else "per replica"
        figures = f"{spread(row['images_per_second'])} | {spread(row['efficiency'], 2)}"
        lines.append(f"| {row['workers']} | {row['cores']} | {norm} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4], help="beside one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128, help="global")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    ways = [(count, synchronized) for synchronized in (False, True) for count in (1, *options.workers)]
    rows = measure(ways, options.rounds, options.batch, options.epochs)
    if options.output:
        found = {"machine": machine(), "commit": commit(), "batch": options.batch, "rows": rows}
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
