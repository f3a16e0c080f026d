"""Exports that are killed: `python -m tests.export.killed_exports DIR KILLS SEED` prints one JSON object a kill.

TensorFlow is imported once and each export is a fork of that process, which costs a fraction of a new one; nothing of
TensorFlow has run before the fork.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from kresnet.runtime import import_tensorflow


def main(directory: Path, kills: int, seed: int) -> None:
    import_tensorflow()
    import kresnet.export.saved_model
    from tests.export import networks

    def start(models: Path) -> int:
        if child := os.fork():
            return child
        status = 1
        try:
            options = kresnet.export.saved_model.ExportOptions(signatures=())
            kresnet.export.saved_model.export_model(
                networks.network(), networks.spec_of(), networks.CLASS_NAMES, models, options
            )
            status = 0
        finally:
            os._exit(status)

    began = time.monotonic()
    _, status = os.waitpid(start(directory / "whole"), 0)
    whole = time.monotonic() - began
    print(json.dumps({"whole": whole, "status": status}), flush=True)
    moments = random.Random(seed)
    for number in range(kills):
        moment = moments.uniform(0, 1.05 * whole)
        child = start(directory / str(number))
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"moment": moment, "status": status, "models": str(directory / str(number))}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
