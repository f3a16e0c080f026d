"""Exports beside Keras's own `model.export` and ONNX Runtime: size, memory once loaded, milliseconds a batch.

python -m benchmarks.exports DIR [--subject resnet50] [--prepare] [--rounds 5] [-o FILE]

DIR is given the exports of every subject (see `SUBJECTS`) that it does not hold yet; `--prepare` ends there. Each
contender is then loaded in a process of its own. All stay warm and take turns; a ratio is of two turns of one round.
`-o` merges the results into a file, which `python -m benchmarks.serving_report` shows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.export_worker import ExportJob
from benchmarks.machine import commit, results
from benchmarks.processes import Worker
from tests.command import KRESNET
from tests.weights.conftest import DATA

if TYPE_CHECKING:
    import keras

    from kresnet.plan import Plan

BATCHES = (1, 32)
ABOUT = "about.json"

#: Where each contender's export lies in a subject's folder.
FILES = {
    "kresnet": "kresnet",
    "kresnet_tuned": "kresnet",
    "model.export": "model.export",
    "onnxruntime": "model.onnx",
}

#: Fewest calls of a turn.
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """A network: its spec, what is changed in that, and where its weights come from, in words."""

    spec: str
    weights: str
    overrides: tuple[str, ...] = ()
    precision: str = "float32"


_RANDOM = "random weights and statistics"
SUBJECTS = {
    "cifar_resnet20": Subject("cifar_resnet20_pytorch", "trained weights, converted"),
    "resnet50": Subject("resnet50", _RANDOM),
    "trained in bfloat16": Subject("quickstart", "an epoch in bfloat16", precision="bfloat16"),
    "many labels": Subject("cifar_resnet20", _RANDOM, ("head.multi_label=true",)),
    "any size": Subject("resnet50_backbone", _RANDOM),
    "residual_mlp": Subject("residual_mlp", _RANDOM),
}


def main() -> None:
    options = _options()
    known = results(options.output)
    for name in options.subject or SUBJECTS:
        folder = options.directory / name.replace(" ", "_")
        if not (folder / ABOUT).exists():
            prepare(SUBJECTS[name], folder)
        if options.prepare:
            continue
        entry = measure(name, folder, options)
        others = [other for other in known["entries"] if other["subject"] != name]
        known["entries"] = sorted([*others, entry], key=lambda each: list(SUBJECTS).index(each["subject"]))
        if options.output:
            options.output.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def prepare(subject: Subject, folder: Path) -> None:
    """Write every contender's export of a network, and what they are."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import keras

    from kresnet.export.edge.export_rows import ExportRows, FileRows
    from kresnet.export.edge.file_export import export_file
    from kresnet.export.edge.file_formats import FileOptions
    from kresnet.export.reference_outputs import RANDOM_SOURCE, reference_inputs
    from kresnet.export.saved_model import export_model
    from kresnet.plan import plan_loaded
    from kresnet.spec.architecture import Classifier
    from kresnet.spec.loading import load_spec

    keras.backend.clear_session()
    folder.mkdir(parents=True, exist_ok=True)
    loaded = load_spec(subject.spec, subject.overrides)
    spec, plan = loaded.value, plan_loaded(loaded)
    model = _network(subject, plan, folder)
    classes = [str(index) for index in range(spec.head.classes)] if isinstance(spec.head, Classifier) else []
    exported = export_model(model, spec, classes, folder / "models")
    (folder / FILES["kresnet"]).symlink_to(exported.path.resolve())
    rows = FileRows(ExportRows(reference_inputs(spec, None).rows, RANDOM_SOURCE))
    export_file(model, spec, classes, folder / FILES["onnxruntime"], FileOptions("onnx"), rows)
    _as_trained(model, plan, subject).export(str(folder / FILES["model.export"]), verbose=False)
    about = {"name": spec.name, "shape": spec.input.shape, "weights_bytes": exported.report.facts["weights_bytes"]}
    about |= {"changes": [change["what"] for change in exported.report.changes]}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _network(subject: Subject, plan: Plan, folder: Path) -> keras.Model:
    """The network, by kresnet's own commands where it is trained."""
    from kresnet.graph import build_model
    from kresnet.weights.convert import load_model
    from tests.graph.random_weights import randomize

    if subject.weights == _RANDOM:
        return randomize(build_model(plan))
    if subject.precision == "float32":
        made = folder / "converted.keras"
        arguments = ["convert", DATA / "weights" / "resnet20.safetensors", "--spec", subject.spec, "-o", made]
    else:
        made = folder / "run" / "model.keras"
        settings = (f"recipe.precision={subject.precision}", "recipe.epochs=1")
        arguments = ["fit", subject.spec, "-o", folder / "run", *(part for one in settings for part in ("--set", one))]
    subprocess.run([*KRESNET, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    return load_model(made, plan)


def _as_trained(model: keras.Model, plan: Plan, subject: Subject) -> keras.Model:
    """The same network in the precision that it was trained in, which `model.export` keeps to."""
    from kresnet.graph import build_model

    if subject.precision == "float32":
        return model
    trained = build_model(plan, precision=subject.precision)
    trained.set_weights(model.get_weights())
    return trained


def measure(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One subject; an entry of the results."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        workers = []
        for contender, file in FILES.items():
            path = (folder / file).resolve()
            job = ExportJob(contender, str(path), tuple(about["shape"]), options.threads)
            worker = stack.enter_context(Worker(job, sys.executable, "benchmarks.export_worker"))
            found[contender] = worker.ready() | {"files_bytes": _size(path), "milliseconds": {}}
            workers.append(worker)
        for size in BATCHES:
            calls = {}
            for worker in workers:
                first = worker.ask(json.dumps({"batch": size, "calls": 1}))
                calls[worker.name] = max(_FEWEST, round(1000 * options.turn_seconds / first["milliseconds"]))
                found[worker.name] |= {"after_bytes": first["resident_bytes"]}
            for turn in range(options.rounds):
                for worker in workers[turn % len(workers) :] + workers[: turn % len(workers)]:
                    took = worker.ask(json.dumps({"batch": size, "calls": calls[worker.name]}))["milliseconds"]
                    found[worker.name]["milliseconds"].setdefault(str(size), []).append(took)
            shown = {worker.name: found[worker.name]["milliseconds"][str(size)] for worker in workers}
            print(f"{name}, batch {size}, ms: {shown}", file=sys.stderr)
    subject = SUBJECTS[name]
    return {
        "subject": name,
        "spec": subject.spec,
        "weights": subject.weights,
        "precision": subject.precision,
        "weights_bytes": about["weights_bytes"],
        "changes": about["changes"],
        "threads": options.threads,
        "commit": commit(),
        "measured": time.strftime("%Y-%m-%d"),
        "contenders": found,
    }


def _size(path: Path) -> int:
    """Bytes of what a server loads."""
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in (path / "saved_model.pb", *(path / "variables").iterdir()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--subject", action="append", choices=SUBJECTS)
    parser.add_argument("--prepare", action="store_true", help="write the exports, measure nothing")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn-seconds", type=float, default=1.0, help="about how long a turn takes")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of every contender")
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
