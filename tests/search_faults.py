"""`python -m tests.search_faults [KILLS]`: a real search killed at random moments, and the same one left alone.

Both must have the same trials, the same validation accuracies after every epoch and the same fronts. It takes
some minutes.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kresnet.spec.document import dump
from tests.command import KRESNET
from tests.study.tiny_study import write_images

DOCUMENT: dict[str, Any] = {
    "name": "faults",
    "question": "Does it come out the same?",
    "spec": "quickstart",
    "recipe": "quickstart",
    "set": {
        "recipe.data": {"kind": "arrays", "path": "images.npz", "validation": 0.25},
        "recipe.epochs": 3,
        "recipe.batch_size": 16,
        "recipe.schedule": {"kind": "constant"},
    },
    "space": {
        "stem.width": {"int": [2, 6], "step": 2},
        "stages.*.width": {"int": [2, 8], "step": 2},
        "recipe.optimizer.learning_rate": {"log": [0.01, 0.3]},
    },
    "constraints": {"macs": "<= 150k"},
    "trials": 6,
    "generation": 3,
    "halving": {"first_epochs": 1, "factor": 3},
    "sampler": {"startup_trials": 3},
}
#: Of `search.json`, what depends on when and how often the search was called.
_OF_THE_CALLS = ("calls", "candidates_judged", "command", "training_seconds")


def main(kills: int, seed: int = 0) -> None:
    """Run the search twice, and compare; the exit status is 1 where they differ."""
    folder = Path(tempfile.mkdtemp(prefix="kresnet-search-faults-"))
    write_images(folder / "images.npz")
    (folder / "search.yaml").write_text(dump(DOCUMENT))
    began = time.monotonic()
    assert start(folder, "whole").wait() == 0
    seconds = time.monotonic() - began
    print(f"alone: {seconds:.0f} s", flush=True)
    chance, done = random.Random(seed), 0
    while True:
        process = start(folder, "killed")
        try:
            process.wait(chance.uniform(0.02, 0.3) * seconds if done < kills else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            done += 1
            print(f"kill {done}", flush=True)
            continue
        if process.returncode or done >= kills:
            break
        (folder / "killed").rename(folder / f"killed-{done}")  # it came to its end between two kills: once more
        compare(folder, f"killed-{done}")
    assert process.returncode == 0, process.returncode
    compare(folder, "killed")
    print(f"{done} kills: the same trials, accuracies and fronts")


def start(folder: Path, output: str) -> subprocess.Popen[bytes]:
    """Start the search in a process of its own."""
    command = [*KRESNET, "search", "search.yaml", "-o", output, "--jobs", "2"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compare(folder: Path, output: str) -> None:
    """Make sure that a search has found what the one left alone has found."""
    both = [told(folder / name / "search.json") for name in ("whole", output)]
    if both[0] != both[1]:
        sys.exit(f"The searches in {folder} differ: whole and {output}")


def told(path: Path) -> dict[str, Any]:
    """What a search has found, without what depends on when it was called."""
    values = json.loads(path.read_text())
    for each in values["proposed"]:
        del each["seconds"]
    return {name: value for name, value in values.items() if name not in _OF_THE_CALLS}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
