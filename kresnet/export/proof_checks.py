"""The checks of an export's proof, in the order in which they run.

Each takes the `Subject` and returns, in words, what it found to hold; it raises `Wrong` where something does not.
They run in a process of their own (`kresnet.export.prover`), as a wrong model may end the process.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.export import graph_scan as scan
from kresnet.export import malformed, manifest, warmup
from kresnet.export import output_checks as answers
from kresnet.export.capi import RuntimeFailure, SavedModelSession, disable_xla, version
from kresnet.export.contract import TensorSpec
from kresnet.export.export_under_test import CheckFailed, ExportUnderTest, announce
from kresnet.export.protos import DataType

#: The oldest C++ runtime that was seen to answer an export as this one does, and the oldest to decode WebP there: this
#: proof's process was run on the libraries of other TensorFlows, as docs/serving.md says.
OLDEST, WEBP = "2.12", "2.20"

#: Bytes that a checkpoint may hold besides the weights: 2 %, and its table of names.
OVERHEAD, TABLE_BYTES = 0.02, 64 * 1024


def files_are_whole(subject: ExportUnderTest) -> str:
    found, expected = manifest.digests(subject.directory), subject.manifest.digests
    changed = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if changed:
        raise CheckFailed(f"changed, missing or added since the export: {', '.join(changed[:5])}")
    return f"{len(found)} files are those that were exported (SHA-256)"


def graph_is_servable(subject: ExportUnderTest) -> str:
    if faults := scan.faults(subject.graph):
        raise CheckFailed("; ".join(faults))
    subject.facts["needs"] = f"TF Serving {OLDEST} or newer"
    if "image_bytes" in subject.signatures:
        subject.facts["needs"] += f", {WEBP} for WebP files"
    return "no Python, random, state-changing, file or foreign operation can be reached by a request"


def weights_are_stored_once(subject: ExportUnderTest) -> str:
    weights = subject.manifest.weights_bytes
    variables, constants = scan.stored_bytes(subject.graph)
    on_disk = sum(path.stat().st_size for path in (subject.directory / "variables").glob("variables.data-*"))
    subject.facts |= {"weights_bytes": weights, "variables_bytes": on_disk}
    allowed = int(weights * (1 + OVERHEAD)) + TABLE_BYTES
    if variables > weights:
        raise CheckFailed(f"the graph has variables of {variables:,} bytes for weights of {weights:,}")
    if on_disk > allowed:
        raise CheckFailed(f"variables/ takes {on_disk:,} bytes for weights of {weights:,}")
    if variables + constants > allowed:
        raise CheckFailed(f"the graph holds constants of {constants:,} bytes beside variables of {variables:,}")
    return f"{on_disk:,} bytes on disk for weights of {weights:,}"


def loads_in_the_runtime(subject: ExportUnderTest) -> str:
    disable_xla()
    started = time.perf_counter()
    session = subject.session
    seconds = time.perf_counter() - started
    if "tensorflow" in sys.modules:
        raise CheckFailed("TensorFlow's Python is loaded in the process that should do without it")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    subject.facts |= {"tensorflow": version(), "load_seconds": round(seconds, 3), "loaded_resident_bytes": peak}
    names = ", ".join(sorted(session.signatures))
    return f"TensorFlow {version()}'s C++ runtime, without its Python and with XLA off, in {seconds:.2f} s: {names}"


def signatures_are_as_declared(subject: ExportUnderTest) -> str:
    declared, found = subject.signatures, subject.session.signatures
    if found.keys() != declared.keys():
        raise CheckFailed(f"signatures {sorted(found)}, where {sorted(declared)} were declared")
    for name, signature in declared.items():
        for side in ("inputs", "outputs"):
            expected: dict[str, TensorSpec] = getattr(signature, side)
            actual = {key: _tensor(info) for key, info in getattr(found[name], side).items()}
            if actual.keys() != expected.keys() or not all(expected[key].admits(actual[key]) for key in actual):
                shown = [", ".join(f"{key}: {one}" for key, one in sorted(each.items())) for each in (actual, expected)]
                raise CheckFailed(f"{side} of {name} are {shown[0]}, where {shown[1]} were declared")
        if found[name].method_name != signature.method:
            raise CheckFailed(f"{name} is for {found[name].method_name}, where {signature.method} was declared")
    return "names, types and shapes of every input and output; the API that each is for"


def _tensor(info: Any) -> TensorSpec:
    dtype = DataType.Name(info.dtype).removeprefix("DT_").lower()
    shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return TensorSpec("float32" if dtype == "float" else dtype, shape)


def warm_up_replays(subject: ExportUnderTest) -> str:
    replayed = []
    for request in warmup.read(subject.directory / warmup.FILE):
        if request.model != subject.manifest.name:
            raise CheckFailed(f"a record is for the model {request.model!r}")
        if request.method != subject.signatures[request.signature].method:
            raise CheckFailed(f"the record for {request.signature} is for {request.method}")
        subject.session.run(request.signature, request.inputs)
        replayed.append(request.signature)
    if missing := sorted(subject.signatures.keys() - set(replayed)):
        raise CheckFailed(f"no record for {', '.join(missing)}")
    return f"{len(replayed)} warm-up records, for every signature"


def malformed_requests_are_refused(subject: ExportUnderTest) -> str:
    encoded = next(iter(subject.reference.encoded), b"")
    every = np.arange(len(subject.reference.rows))
    before = subject.ask("serving_default", every)
    count = 0
    for name, signature in subject.signatures.items():
        input_name, _ = signature.input
        for wrong, values in malformed.requests(name, signature, subject.reference.rows[0], encoded):
            announce(f"{name}: {wrong}")
            code = _refusal(subject.session, name, {input_name: values})
            if code != "INVALID_ARGUMENT":
                raise CheckFailed(f"{name} answers {code} to {wrong}, not INVALID_ARGUMENT")
            count += 1
    after = subject.ask("serving_default", every)
    if not all(np.array_equal(before[name], after[name]) for name in before):
        raise CheckFailed("a right request is answered otherwise after them")
    return f"{count} are INVALID_ARGUMENT, and the process answers on as before"


def _refusal(session: SavedModelSession, signature: str, inputs: dict[str, np.ndarray]) -> str:
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
    run: Callable[[ExportUnderTest], str]
    gate: bool = False


CHECKS = (
    Check("files", "export_mismatch", files_are_whole),
    Check("graph", "not_servable", graph_is_servable),
    Check("weights", "not_servable", weights_are_stored_once),
    Check("load", "not_servable", loads_in_the_runtime, gate=True),
    Check("signatures", "not_servable", signatures_are_as_declared, gate=True),
    Check("outputs", "export_mismatch", answers.outputs_match_reference),
    Check("rows", "export_mismatch", answers.rows_are_independent),
    Check("repeats", "export_mismatch", answers.repeated_calls_are_identical),
    Check("image files", "export_mismatch", answers.encoded_images_agree),
    Check("warm-up", "not_servable", warm_up_replays),
    Check("malformed requests", "not_servable", malformed_requests_are_refused),
)
