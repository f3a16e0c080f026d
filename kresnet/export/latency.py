"""How long an export takes to answer: the folded network as a SavedModel in TensorFlow's C++ runtime, on this machine.

`python -m kresnet.export.latency` is a process that measures one network after the other, so that TensorFlow is
imported once. It reads a JSON object a line, `{"spec": ..., "batch": 1}`, and answers each with a line, `{"ms": ...}`
or `{"problem": ...}`. Whoever starts it sees to it that the machine does nothing else.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.cores import usable_cores
from kresnet.spec.architecture import Spec

#: Requests before any is timed, and the least and most that are, within so many seconds.
_WARM_UP, _LEAST, _MOST, _SECONDS = 5, 20, 500, 1.0


@dataclass(frozen=True, slots=True)
class LatencyMeasurement:
    """How long a network takes to answer a request, in milliseconds.

    Attributes:
        ms: the median.
        p90_ms: nine in ten requests are answered within so long.
        batch: inputs of a request.
        requests: how many were timed.
        cores: cores that the process may use.
        processor: name of the processor.
        units: its units, which tell processors of one name apart.
    """

    ms: float
    p90_ms: float
    batch: int
    requests: int
    cores: int
    processor: str
    units: str

    def as_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON-ready values."""
        return asdict(self)


def measure_latency(spec: Spec, batch: int = 1) -> LatencyMeasurement:
    """Build a network with random weights, fold and export it, and time requests to the export, one after the other.

    Args:
        spec: the network; TensorFlow has been imported.
        batch: inputs of a request.

    Raises:
        RuntimeFailure: the runtime refuses the network.
    """
    from kresnet.distributed.environment import processor_name, processor_units
    from kresnet.export.capi import SavedModelSession
    from kresnet.export.reference_outputs import reference_inputs
    from kresnet.export.saved_model import write_saved_model
    from kresnet.export.served_network import served_network
    from kresnet.export.signature_contract import declare_signatures
    from kresnet.export.signature_functions import make_signature_functions
    from kresnet.graph import build_model
    from kresnet.plan import lower

    plan = lower(spec)
    model = build_model(plan, seed=0)
    rows = reference_inputs(spec, None).rows
    network, _ = served_network(model, plan, rows, fold="yes")
    outputs = model.output if isinstance(model.output, dict) else {next(iter(plan.outputs)): model.output}
    shapes = {name: tuple(output.shape) for name, output in outputs.items()}
    signatures = declare_signatures(spec, plan, shapes, ())
    names = tuple(map(str, range(getattr(spec.head, "classes", 0))))
    functions = make_signature_functions(network, spec, names, signatures)
    with tempfile.TemporaryDirectory(prefix="kresnet-latency-") as folder:
        write_saved_model(Path(folder) / "model", functions, signatures)
        session = SavedModelSession(Path(folder) / "model")
        try:
            (name,) = signatures["serving_default"].inputs
            request = {name: np.resize(rows, (batch, *rows.shape[1:])).astype(np.float32)}
            times = _request_times(session, request)
        finally:
            session.close()
    return LatencyMeasurement(
        ms=statistics.median(times) * 1e3,
        p90_ms=float(np.quantile(times, 0.9)) * 1e3,
        batch=batch,
        requests=len(times),
        cores=len(usable_cores()),
        processor=processor_name(),
        units=processor_units(),
    )


def _request_times(session: Any, request: dict[str, np.ndarray]) -> list[float]:
    """Seconds of each request."""
    for _ in range(_WARM_UP):
        session.run("serving_default", request)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < _LEAST or (len(times) < _MOST and time.perf_counter() - began < _SECONDS):
        before = time.perf_counter()
        session.run("serving_default", request)
        times.append(time.perf_counter() - before)
    return times


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    from kresnet.export.capi import RuntimeFailure

    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = measure_latency(Spec.model_validate(request["spec"]), request["batch"]).as_dict()
        except (RuntimeFailure, ValueError) as error:
            answer = {"problem": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
