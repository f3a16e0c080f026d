"""The checks of an export's proof, in the order in which they run.

Each takes the export under test and returns, in words, what it found to hold; it raises `CheckFailed` where something
does not.
The checks run in a process of their own (`kresnet.export.proof_process`), as a wrong model may end the process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.export import graph_scan, output_checks
from kresnet.export.capi import RuntimeFailure, SavedModelSession, disable_xla, runtime_version
from kresnet.export.export_under_test import CheckFailed, ExportUnderTest, announce
from kresnet.export.malformed_requests import malformed_requests
from kresnet.export.manifest import file_digests
from kresnet.export.protos import DataType
from kresnet.export.signature_contract import TensorSpec
from kresnet.export.warmup_requests import WARMUP_FILE, read_warmup_requests
from kresnet.process_memory import peak_resident_memory

#: The oldest C++ runtime that was seen to answer an export as this one does, and the oldest to decode WebP there: this
#: proof's process was run on the libraries of other TensorFlows, as docs/serving.md says.
OLDEST_RUNTIME, OLDEST_RUNTIME_WITH_WEBP = "2.12", "2.20"

#: Bytes that a checkpoint may hold besides the weights: 2 %, and its table of names.
CHECKPOINT_OVERHEAD, CHECKPOINT_TABLE_BYTES = 0.02, 64 * 1024


def files_are_whole(export: ExportUnderTest) -> str:
    """Check that the files are those that were exported."""
    actual, expected = file_digests(export.directory), export.manifest.digests
    changed = sorted(name for name in actual.keys() | expected.keys() if actual.get(name) != expected.get(name))
    if changed:
        raise CheckFailed(f"changed, missing or added since the export: {', '.join(changed[:5])}")
    return f"{len(actual)} files are those that were exported (SHA-256)"


def graph_is_servable(export: ExportUnderTest) -> str:
    """Check that no request can reach an operation that a server refuses or must not run."""
    if faults := graph_scan.find_faults(export.graph):
        raise CheckFailed("; ".join(faults))
    export.facts["needs"] = f"TF Serving {OLDEST_RUNTIME} or newer"
    if "image_bytes" in export.signatures:
        export.facts["needs"] += f", {OLDEST_RUNTIME_WITH_WEBP} for WebP files"
    return "no Python, random, state-changing, file or foreign operation can be reached by a request"


def weights_are_stored_once(export: ExportUnderTest) -> str:
    """Check that graph and checkpoint are no larger than the weights, but for a small allowance."""
    weights = export.manifest.weights_bytes
    variables, constants = graph_scan.stored_bytes(export.graph)
    on_disk = sum(path.stat().st_size for path in (export.directory / "variables").glob("variables.data-*"))
    export.facts |= {"weights_bytes": weights, "variables_bytes": on_disk}
    allowed = int(weights * (1 + CHECKPOINT_OVERHEAD)) + CHECKPOINT_TABLE_BYTES
    if variables > weights:
        raise CheckFailed(f"the graph has variables of {variables:,} bytes for weights of {weights:,}")
    if on_disk > allowed:
        raise CheckFailed(f"variables/ takes {on_disk:,} bytes for weights of {weights:,}")
    if variables + constants > allowed:
        raise CheckFailed(f"the graph holds constants of {constants:,} bytes beside variables of {variables:,}")
    return f"{on_disk:,} bytes on disk for weights of {weights:,}"


def loads_in_the_runtime(export: ExportUnderTest) -> str:
    """Check that TensorFlow's C++ runtime loads the SavedModel, without XLA and without TensorFlow's Python."""
    disable_xla()
    started = time.perf_counter()
    session = export.session
    seconds = time.perf_counter() - started
    if "tensorflow" in sys.modules:
        raise CheckFailed("TensorFlow's Python is loaded in the process that should do without it")
    export.facts |= {
        "tensorflow": runtime_version(),
        "load_seconds": round(seconds, 3),
        "loaded_resident_bytes": peak_resident_memory(),
    }
    names = ", ".join(sorted(session.signatures))
    runtime = f"TensorFlow {runtime_version()}'s C++ runtime"
    return f"{runtime}, without its Python and with XLA off, in {seconds:.2f} s: {names}"


def signatures_are_as_declared(export: ExportUnderTest) -> str:
    """Check the name, type and shape of every input and output against the manifest."""
    declared, loaded = export.signatures, export.session.signatures
    if loaded.keys() != declared.keys():
        raise CheckFailed(f"signatures {sorted(loaded)}, where {sorted(declared)} were declared")
    for name, signature in declared.items():
        for side in ("inputs", "outputs"):
            expected: dict[str, TensorSpec] = getattr(signature, side)
            actual = {key: _tensor_spec(info) for key, info in getattr(loaded[name], side).items()}
            if actual.keys() != expected.keys() or not all(expected[key].admits(actual[key]) for key in actual):
                shown = [", ".join(f"{key}: {one}" for key, one in sorted(each.items())) for each in (actual, expected)]
                raise CheckFailed(f"{side} of {name} are {shown[0]}, where {shown[1]} were declared")
        if loaded[name].method_name != signature.method:
            raise CheckFailed(f"{name} is for {loaded[name].method_name}, where {signature.method} was declared")
    return "names, types and shapes of every input and output; the API that each is for"


def _tensor_spec(info: Any) -> TensorSpec:
    dtype = DataType.Name(info.dtype).removeprefix("DT_").lower()
    shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return TensorSpec("float32" if dtype == "float" else dtype, shape)


def warm_up_replays(export: ExportUnderTest) -> str:
    """Check that every warm-up request is for this model, and is answered."""
    replayed = []
    for request in read_warmup_requests(export.directory / WARMUP_FILE):
        if request.model != export.manifest.name:
            raise CheckFailed(f"a record is for the model {request.model!r}")
        if request.method != export.signatures[request.signature].method:
            raise CheckFailed(f"the record for {request.signature} is for {request.method}")
        export.session.run(request.signature, request.inputs)
        replayed.append(request.signature)
    if missing := sorted(export.signatures.keys() - set(replayed)):
        raise CheckFailed(f"no record for {', '.join(missing)}")
    return f"{len(replayed)} warm-up records, for every signature"


def malformed_requests_are_refused(export: ExportUnderTest) -> str:
    """Check that malformed requests are refused as INVALID_ARGUMENT, and change nothing for those after them."""
    encoded = next(iter(export.reference.encoded), b"")
    every = np.arange(len(export.reference.rows))
    before = export.run_rows("serving_default", every)
    count = 0
    for name, signature in export.signatures.items():
        input_name, _ = signature.input
        for fault, values in malformed_requests(name, signature, export.reference.rows[0], encoded):
            announce(f"{name}: {fault}")
            code = _status_of_run(export.session, name, {input_name: values})
            if code != "INVALID_ARGUMENT":
                raise CheckFailed(f"{name} answers {code} to {fault}, not INVALID_ARGUMENT")
            count += 1
    after = export.run_rows("serving_default", every)
    if not all(np.array_equal(before[name], after[name]) for name in before):
        raise CheckFailed("a right request is answered otherwise after them")
    return f"{count} are INVALID_ARGUMENT, and the process answers on as before"


def _status_of_run(session: SavedModelSession, signature: str, inputs: dict[str, np.ndarray]) -> str:
    try:
        session.run(signature, inputs)
    except RuntimeFailure as failure:
        return failure.code
    return "OK"


@dataclass(frozen=True, slots=True)
class ExportCheck:
    """A check of the proof.

    Attributes:
        name: name of the check in the report.
        code: error code of a failure.
        run: function that checks; it returns what it found, in words, or raises `CheckFailed`.
        gate: whether the checks after it make no sense where it fails.
    """

    name: str
    code: str
    run: Callable[[ExportUnderTest], str]
    gate: bool = False


CHECKS = (
    ExportCheck("files", "export_mismatch", files_are_whole),
    ExportCheck("graph", "not_servable", graph_is_servable),
    ExportCheck("weights", "not_servable", weights_are_stored_once),
    ExportCheck("load", "not_servable", loads_in_the_runtime, gate=True),
    ExportCheck("signatures", "not_servable", signatures_are_as_declared, gate=True),
    ExportCheck("outputs", "export_mismatch", output_checks.outputs_match_reference),
    ExportCheck("rows", "export_mismatch", output_checks.rows_are_independent),
    ExportCheck("repeats", "export_mismatch", output_checks.repeated_calls_are_identical),
    ExportCheck("image files", "export_mismatch", output_checks.encoded_images_agree),
    ExportCheck("warm-up", "not_servable", warm_up_replays),
    ExportCheck("malformed requests", "not_servable", malformed_requests_are_refused),
)
