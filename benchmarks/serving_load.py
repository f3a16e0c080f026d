"""What a server carries after loading an export: kresnet's beside Keras's `model.export`, of the same network.

python -m benchmarks.serving_load prepare DIR SPEC...     # writes both exports of each spec, weights at random
python -m benchmarks.serving_load measure DIR SPEC... [--rounds 3] [--calls 15]

`measure` loads each export in a process of its own, through TensorFlow's C API without its Python and with XLA off, the
two in turns; it prints medians: files, memory after loading and after the calls, and milliseconds a batch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BATCHES = (1, 32)
EXPORTERS = ("kresnet", "model.export")


def prepare(directory: Path, specs: list[str]) -> None:
    """Write `directory/SPEC/kresnet` and `directory/SPEC/model.export`."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import keras

    from kresnet.export.saved_model import Options, export_model
    from kresnet.graph import build_model
    from kresnet.plan import make_plan
    from kresnet.spec.architecture import Classifier
    from kresnet.spec.loading import load_spec
    from tests.graph.statistics import randomize

    for name in specs:
        spec = load_spec(name).value
        model = randomize(build_model(make_plan(spec)))
        classes = [str(index) for index in range(spec.head.classes)] if isinstance(spec.head, Classifier) else []
        result = export_model(model, spec, classes, directory / name / "models", Options(signatures=()))
        (directory / name / "kresnet").symlink_to(result.path.resolve())
        model.export(str(directory / name / "model.export"), verbose=False)
        (directory / name / "shape.json").write_text(json.dumps(spec.input.shape))
        keras.backend.clear_session()


def measure_one(path: Path, shape: list[int], calls: int) -> dict[str, float]:
    """In this process: load, send, and what it took."""
    import numpy as np

    from kresnet.export.capi import Session, disable_xla

    disable_xla()
    began = time.perf_counter()
    session = Session(path)
    found = {"load_s": time.perf_counter() - began, "loaded_mb": _resident()}
    [name] = session.signatures["serving_default"].inputs
    generator = np.random.default_rng(0)
    for batch in BATCHES:
        rows = generator.uniform(0, 255, (batch, *shape)).astype(np.float32)
        times = []
        for _ in range(calls + 3):
            began = time.perf_counter()
            session.run("serving_default", {name: rows})
            times.append(1000 * (time.perf_counter() - began))
        found[f"ms_{batch}"] = statistics.median(times[3:])  # the first prepare the graph
    return found | {"after_calls_mb": _resident()}


def _resident() -> float:
    """Resident memory of this process, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status does not say VmRSS")


def measure(directory: Path, specs: list[str], rounds: int, calls: int) -> None:
    """Print a table: a line an export."""
    print(
        f"{'':18}{'':14}{'files MB':>9}{'load s':>8}{'loaded MB':>11}{'after MB':>10}{'1 row ms':>10}{'32 rows ms':>12}"
    )
    for name in specs:
        shape = json.loads((directory / name / "shape.json").read_text())
        found: dict[str, list[dict[str, Any]]] = {exporter: [] for exporter in EXPORTERS}
        for _ in range(rounds):
            for exporter in EXPORTERS:
                command = [
                    sys.executable,
                    "-m",
                    __spec__.name,
                    "one",
                    str(directory / name / exporter),
                    json.dumps(shape),
                ]
                done = subprocess.run([*command, str(calls)], capture_output=True, text=True, check=True)
                found[exporter].append(json.loads(done.stdout))
        for exporter, runs in found.items():
            path = (directory / name / exporter).resolve()
            parts = [path / "saved_model.pb", *(path / "variables").iterdir()]
            size = sum(part.stat().st_size for part in parts) / 1e6
            median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            print(
                f"{name:18}{exporter:14}{size:9.1f}{median['load_s']:8.2f}{median['loaded_mb']:11.0f}"
                f"{median['after_calls_mb']:10.0f}{median['ms_1']:10.2f}{median['ms_32']:12.1f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("prepare", "measure", "one"))
    parser.add_argument("directory", type=Path)
    parser.add_argument("rest", nargs="+", metavar="SPEC")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=15)
    given = parser.parse_args()
    match given.what:
        case "prepare":
            prepare(given.directory, given.rest)
        case "measure":
            measure(given.directory, given.rest, given.rounds, given.calls)
        case _:
            shape, calls = given.rest
            print(json.dumps(measure_one(given.directory, json.loads(shape), int(calls))))


if __name__ == "__main__":
    main()
