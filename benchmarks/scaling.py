"""Images/s of 1, 2 and 4 workers on this machine, each worker held to one core, the global batch the same.

python -m benchmarks.scaling [--workers 1 2 4] [--synchronized] [--batch 128] [--epochs 2] [-o scaling.json]

More workers than cores share them: their row shows what working together costs, not what it gains.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

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


def measure(counts: list[int], synchronized: bool, batch: int, epochs: int) -> list[dict[str, Any]]:
    """A row a number of workers; efficiency is the rate over that of the first row, by cores in use."""
    rows: list[dict[str, Any]] = []
    for count in counts:
        found, cores = rate(count, synchronized, batch, epochs), min(count, len(CORES))
        per_core = rows[0]["images_per_second"] / rows[0]["cores"] if rows else found / cores
        rows.append(
            {"workers": count, "cores": cores, "synchronized_norm": synchronized, "images_per_second": found,
             "efficiency": found / (per_core * cores)}
        )  # fmt: skip
        print(f"{count} workers: {found:,.0f} images/s", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--synchronized", action="store_true", help="norm over the global batch")
    parser.add_argument("--batch", type=int, default=128, help="global")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = measure(options.workers, options.synchronized, options.batch, options.epochs)
    table = Table("workers", "cores", "norm", "images/s", "efficiency")
    for row in rows:
        norm = "synchronised" if row["synchronized_norm"] else "per replica"
        figures = (f"{row['images_per_second']:,.0f}", f"{row['efficiency']:.2f}")
        table.add_row(str(row["workers"]), str(row["cores"]), norm, *figures)
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps({"batch": options.batch, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
