"""`python -m tests.faults`: faults done to small runs, and a table of what they cost.

Forks processes that have imported TensorFlow but not used it, so that a hundred kills take minutes.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.faults import process_faults, storage_faults
from tests.faults.fault_table import Row, environment, table
from tests.faults.small_runs import RunFolder
from tests.faults.variations import OTHERS


def main() -> None:
    options = arguments()
    rng = random.Random(options.seed)
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import kresnet.training.fit  # noqa: F401 - for the processes to be forked

    count = 1 if options.short else options.times
    with tempfile.TemporaryDirectory(prefix="kresnet-faults-") as folder:
        all_runs = RunFolder(Path(folder), epochs=2 if options.short else 10)
        faults: dict[str, Callable[[], Row | list[Row]]] = {
            "kills": lambda: process_faults.kills(all_runs, 2 if options.short else options.kills, rng),
            "prepared": lambda: process_faults.prepared_kills(
                Path(folder, "prepared"), 2 if options.short else 10, 2 if options.short else options.kills // 4, rng
            ),
            **{
                name: partial(
                    process_faults.kills_of,
                    Path(folder, name),
                    each,
                    2 if options.short else 10,
                    2 if options.short else options.kills // 4,
                    rng,
                )
                for name, each in OTHERS.items()
            },
            "sigterm": lambda: process_faults.signals(all_runs, signal.SIGTERM, count, rng),
            "sigint": lambda: process_faults.signals(all_runs, signal.SIGINT, count, rng),
            "taken_away": lambda: process_faults.taken_away(all_runs, count, rng),
            "full_disk": lambda: storage_faults.full_disk(all_runs, 2 * count, rng),
            "small_files": lambda: storage_faults.small_files(all_runs),
            "read_only": lambda: storage_faults.read_only(all_runs),
            "damage": lambda: storage_faults.damage(all_runs, 100, rng),
            "clock": lambda: storage_faults.clock(all_runs),
        }
        rows: list[Row] = []
        for name in options.only or (SHORT if options.short else faults):
            began = time.monotonic()
            found = faults[name]()
            rows += found if isinstance(found, list) else [found]
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"{environment()}; seed {options.seed}\n\n{table(rows)}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


#: What the test suite does at every change; the rest takes minutes. tests/training/test_fit.py stops a run by SIGTERM.
SHORT = ("kills",)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few of each kind that takes seconds")
    parser.add_argument("--kills", type=int, default=100, help="how many processes to kill")
    parser.add_argument("--times", type=int, default=6, help="how often to do each other fault that falls at random")
    parser.add_argument("--only", action="append", metavar="NAME", help="one kind of fault; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which faults happen")
    parser.add_argument("--json", type=Path, help="also write the table there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
