"""The checks of an export's proof, in the order in which they run.

Each takes the `Subject` and returns, in words, what it found to hold; it raises `Wrong` where something does not.
They run in a process of their own (`kresnet.export.prover`), as a wrong model may end the process.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.export import malformed, manifest, scan, warmup
from kresnet.export.capi import RuntimeFailure, Session, disable_xla, version
from kresnet.export.contract import Tensor
from kresnet.export.golden import Golden
from kresnet.export.manifest import Manifest
from kresnet.export.protos import DataType, MetaGraphDef

#: Largest difference of an output from the trained model's, over the larger of 1 and the output's largest magnitude.
#: Probabilities may also differ by as much as the logits behind them do: softmax and sigmoid pass on no more.
TOLERANCE = 1e-5
BATCHES = (1, 7, 32)
#: Bytes that a checkpoint may hold besides the weights: 2 %, and its table of names.
OVERHEAD, TABLE_BYTES = 0.02, 64 * 1024


class Wrong(Exception):
    """What a check found, in a sentence."""


@dataclass
class Subject:
    """A version folder under proof; `facts` gathers what was measured on the way."""

    directory: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> Manifest:
        return Manifest.load(self.directory)

    @cached_property
    def golden(self) -> Golden:
        return Golden.load(self.directory / manifest.GOLDEN)

    @cached_property
    def graph(self) -> MetaGraphDef:
        return scan.read_meta_graph(self.directory)

    @cached_property
    def session(self) -> Session:
        return Session(self.directory)

    @cached_property
    def input_name(self) -> str:
        [name] = self.manifest.signatures["serving_default"].inputs
        return name

    def tensor(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The answer of `serving_default` to rows."""
        return self.session.run("serving_default", {self.input_name: rows.astype(np.float32)})


def files_are_whole(subject: Subject) -> str:
    found, expected = manifest.digests(subject.directory), subject.manifest.digests
    changed = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if changed:
        raise Wrong(f"changed, missing or added since the export: {', '.join(changed[:5])}")
    return f"{len(found)} files are those that were exported (SHA-256)"


def graph_is_servable(subject: Subject) -> str:
    if faults := scan.faults(subject.graph):
        raise Wrong("; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else ""))
    operations = scan.operations(subject.graph)
    # Servers that do not know this operation, which TensorFlow writes since 2.15, refuse the whole model
    # (tensorflow/tensorflow#62229).
    subject.facts["needs"] = "TF Serving 2.15 or newer" if "DisableCopyOnRead" in operations else "TF Serving 2"
    return "no Python, random, state-changing, file or foreign operation can be reached by a request"


def weights_are_stored_once(subject: Subject) -> str:
    weights = subject.manifest.weights_bytes
    variables, constants = scan.stored_bytes(subject.graph)
    on_disk = sum(path.stat().st_size for path in (subject.directory / "variables").glob("variables.data-*"))
    subject.facts |= {"weights_bytes": weights, "variables_bytes": on_disk}
    allowed = int(weights * (1 + OVERHEAD)) + TABLE_BYTES
    if variables > weights:
        raise Wrong(f"the graph has variables of {variables:,} bytes for weights of {weights:,}")
    if on_disk > allowed:
        raise Wrong(f"variables/ takes {on_disk:,} bytes for weights of {weights:,}")
    if variables + constants > allowed:
        raise Wrong(f"the graph holds constants of {constants:,} bytes beside variables of {variables:,}")
    return f"{on_disk:,} bytes on disk for weights of {weights:,}"


def loads_in_the_runtime(subject: Subject) -> str:
    disable_xla()
    started = time.perf_counter()
    session = subject.session
    seconds = time.perf_counter() - started
    if "tensorflow" in sys.modules:
        raise Wrong("TensorFlow's Python is loaded in the process that should do without it")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    subject.facts |= {"tensorflow": version(), "load_seconds": round(seconds, 3), "loaded_resident_bytes": peak}
    names = ", ".join(sorted(session.signatures))
    return f"TensorFlow {version()}'s C++ runtime, without its Python and with XLA off, in {seconds:.2f} s: {names}"


def signatures_are_as_declared(subject: Subject) -> str:
    declared, found = subject.manifest.signatures, subject.session.signatures
    if found.keys() != declared.keys():
        raise Wrong(f"signatures {sorted(found)}, where {sorted(declared)} were declared")
    for name, signature in declared.items():
        for side in ("inputs", "outputs"):
            expected: dict[str, Tensor] = getattr(signature, side)
            actual = {key: _tensor(info) for key, info in getattr(found[name], side).items()}
            if actual.keys() != expected.keys() or not all(expected[key].admits(actual[key]) for key in actual):
                shown = [", ".join(f"{key}: {one}" for key, one in sorted(each.items())) for each in (actual, expected)]
                raise Wrong(f"{side} of {name} are {shown[0]}, where {shown[1]} were declared")
    return "names, types and shapes of every input and output"


def _tensor(info: Any) -> Tensor:
    dtype = DataType.Name(info.dtype).removeprefix("DT_").lower()
    shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return Tensor("float32" if dtype == "float" else dtype, shape)


def answers_equal_the_trained_models(subject: Subject) -> str:
    rows, worst = subject.golden.rows, 0.0
    milliseconds = {}
    for size in BATCHES:
        for turn in range(0, len(rows), size):
            order = np.arange(turn, turn + size) % len(rows)
            started = time.perf_counter()
            answer = subject.tensor(rows[order])
            milliseconds[size] = round(1000 * (time.perf_counter() - started), 2)  # of the last: the first are slower
            worst = max(worst, _distance(answer, subject, order, f"a batch of {size}"))
    subject.facts |= {"largest_difference": worst, "milliseconds_a_batch": milliseconds}
    source = "real rows" if subject.manifest.real_images else "random rows"
    sizes = f"{', '.join(map(str, BATCHES[:-1]))} and {BATCHES[-1]}"
    return f"{len(rows)} {source} in batches of {sizes}; largest difference {worst:.1e} (allowed {TOLERANCE:.0e})"


def _distance(answer: dict[str, np.ndarray], subject: Subject, order: np.ndarray, where: str) -> float:
    """The largest difference of an answer from the golden outputs of the rows of `order`; `Wrong` where too large."""
    worst = 0.0
    for name, expected in subject.golden.outputs.items():
        expected, actual = expected[order], answer[name]
        if actual.shape != expected.shape:
            raise Wrong(f"{name} of {where} is of shape {actual.shape}, not {expected.shape}")
        scale = max(1.0, float(np.abs(expected).max()))
        if name == "probabilities" and "logits" in answer:
            scale = float(np.abs(answer["logits"] - subject.golden.outputs["logits"][order]).max()) / TOLERANCE
        difference = float(np.abs(actual - expected).max()) / max(1.0, scale)
        if not difference <= TOLERANCE:  # a NaN is no agreement
            raise Wrong(f"{name} of {where} differs from the trained model's by {difference:.1e} (allowed {TOLERANCE})")
        worst = max(worst, difference)
    if names := subject.manifest.class_names:
        logits, chosen = subject.golden.outputs["logits"][order], answer["class_id"]
        scale = TOLERANCE * max(1.0, float(np.abs(logits).max()))
        if (np.take_along_axis(logits, chosen[:, np.newaxis], 1)[:, 0] < logits.max(1) - 2 * scale).any():
            raise Wrong(f"class_id of {where} is not the class of the largest logit")
        if [label.decode() for label in answer["label"]] != [names[index] for index in chosen]:
            raise Wrong(f"label of {where} is not the name of class_id")
    return worst


def rows_are_independent(subject: Subject) -> str:
    rows = subject.golden.rows
    for index in range(min(len(rows), 7)):
        batch = np.zeros((7, *rows.shape[1:]), np.float32)
        batch[index] = rows[index]
        answer = {name: values[index : index + 1] for name, values in subject.tensor(batch).items()}
        _distance(answer, subject, np.array([index]), f"row {index} among blank rows")
    return "a row is answered the same alone, among others, and among blank ones"


def repeated_calls_are_identical(subject: Subject) -> str:
    batch = subject.golden.rows[:7]
    first, *others = (subject.tensor(batch) for _ in range(3))
    for other in others:
        if changed := [name for name in first if not np.array_equal(first[name], other[name])]:
            raise Wrong(f"{', '.join(changed)} changed between two calls with the same input")
    return "three calls, equal to the last bit"


def encoded_images_agree(subject: Subject) -> str:
    if "image_bytes" not in subject.manifest.signatures:
        return "the network takes no image files"
    encoded = subject.golden.encoded
    for size in BATCHES:
        order = np.arange(size) % len(encoded)
        answer = subject.session.run("image_bytes", {"image_bytes": np.array([encoded[i] for i in order], object)})
        _distance(answer, subject, order, f"image_bytes in a batch of {size}")
    return "the golden images as PNG files are answered as their pixels are"


def warm_up_replays(subject: Subject) -> str:
    replayed = []
    for request in warmup.read(subject.directory / warmup.FILE):
        if request.model != subject.manifest.name:
            raise Wrong(f"a record is for the model {request.model!r}")
        subject.session.run(request.signature, request.inputs)
        replayed.append(request.signature)
    if missing := sorted(subject.manifest.signatures.keys() - set(replayed)):
        raise Wrong(f"no record for {', '.join(missing)}")
    return f"{len(replayed)} warm-up records, for every signature"


def malformed_requests_are_refused(subject: Subject) -> str:
    encoded = next(iter(subject.golden.encoded), b"")
    before = subject.tensor(subject.golden.rows)
    count = 0
    for name, signature in subject.manifest.signatures.items():
        [input_name] = signature.inputs
        for wrong, values in malformed.requests(signature, subject.golden.rows[0], encoded):
            announce(f"{name}: {wrong}")
            code = _refusal(subject.session, name, {input_name: values})
            if code != "INVALID_ARGUMENT":
                raise Wrong(f"{name} answers {code} to {wrong}, not INVALID_ARGUMENT")
            count += 1
    after = subject.tensor(subject.golden.rows)
    if not all(np.array_equal(before[name], after[name]) for name in before):
        raise Wrong("a right request is answered otherwise after them")
    return f"{count} are INVALID_ARGUMENT, and the process answers on as before"


def announce(what: str) -> None:
    """Note on stderr what is about to be tried: the last such line tells what ended the process."""
    print(f"trying {what}", file=sys.stderr, flush=True)


def _refusal(session: Session, signature: str, inputs: dict[str, np.ndarray]) -> str:
    try:
        session.run(signature, inputs)
    except RuntimeFailure as failure:
        return failure.code
    return "OK"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: what the report calls it.
        code: the error code of its failure.
        run: what it does.
        gate: whether those after it make no sense where it fails.
    """

    name: str
    code: str
    run: Callable[[Subject], str]
    gate: bool = False


CHECKS = (
    Check("files", "export_mismatch", files_are_whole),
    Check("graph", "not_servable", graph_is_servable),
    Check("weights", "not_servable", weights_are_stored_once),
    Check("load", "not_servable", loads_in_the_runtime, gate=True),
    Check("signatures", "not_servable", signatures_are_as_declared, gate=True),
    Check("outputs", "export_mismatch", answers_equal_the_trained_models),
    Check("rows", "export_mismatch", rows_are_independent),
    Check("repeats", "export_mismatch", repeated_calls_are_identical),
    Check("image files", "export_mismatch", encoded_images_agree),
    Check("warm-up", "not_servable", warm_up_replays),
    Check("malformed requests", "not_servable", malformed_requests_are_refused),
)
