"""An exported network in a process of its own, loaded and warm: runs it when asked, and says how long that took.

A line of JSON in, a line of JSON out. The first line in is an `ExportJob`; the answer says what loading took. Each
further line asks for some calls with batches of some size.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: Calls that prepare the graph for a size of batch, and are not timed.
_WARM_CALLS = 3


@dataclass(frozen=True, slots=True)
class ExportJob:
    """What a worker loads.

    Attributes:
        contender: `kresnet` or `model.export`, run by TensorFlow's C++ runtime without its Python and with XLA off;
            `kresnet_tuned`, the same with the settings of `kresnet serve`; or `onnxruntime`.
        path: a SavedModel's directory, or an ONNX file.
        shape: of a row, `(H, W, C)` or `(D,)`.
        threads: of a run; `kresnet_tuned` deals as many out as `kresnet serve` does.
        image: a file to send to the signature `image_bytes` (to ONNX Runtime: to decode by Pillow first), which is of
            the network's own size; else rows of random numbers are sent.
    """

    contender: str
    path: str
    shape: tuple[int, ...]
    threads: int
    image: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    job = ExportJob(**json.loads(sys.stdin.readline()))
    load = _onnx if job.contender == "onnxruntime" else _saved_model
    versions, before, began, call = load(job)
    ready = {"versions": versions, "before_bytes": before, "load_seconds": time.perf_counter() - began}
    _answer(answers, ready | {"loaded_bytes": resident()})
    batches: dict[int, Callable[[], object]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        size = asked["batch"]
        if size not in batches:
            batches[size] = call(size)
            for _ in range(_WARM_CALLS):
                batches[size]()
        times = [_seconds(batches[size]) for _ in range(asked["calls"])]
        found = {"milliseconds": 1000 * statistics.median(times), "rows_per_second": size * len(times) / sum(times)}
        _answer(answers, found | {"resident_bytes": resident()})


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


#: Versions, bytes before loading, the moment when it began, and from a size of batch to a call.
_Loaded = tuple[dict[str, str], int, float, Callable[[int], Callable[[], object]]]


def _saved_model(job: ExportJob) -> _Loaded:
    import numpy as np

    from kresnet.export.capi import SavedModelSession, configure_runtime, disable_xla, runtime_version
    from kresnet.serving.batching import MIN_PART_ROWS

    path, threads = Path(job.path), job.threads
    if job.contender == "kresnet_tuned":
        from kresnet.serving.run_threads import choose_run_threads

        threads = configure_runtime(choose_run_threads([path]))
    else:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    disable_xla()
    before, began = resident(), time.perf_counter()
    session = SavedModelSession(path, on_callers_thread=threads < job.threads)
    signature = "image_bytes" if job.image else "serving_default"
    [name] = session.signatures[signature].inputs
    runs = job.threads // threads
    callers = ThreadPoolExecutor(runs)

    def call(size: int) -> Callable[[], object]:
        rows = np.array([Path(job.image).read_bytes()] * size, object) if job.image else _rows(job, size)
        parts = np.array_split(rows, max(min(runs, size // MIN_PART_ROWS), 1))  # as the server deals them out
        if len(parts) == 1:
            return lambda: session.run(signature, {name: rows})
        return lambda: list(callers.map(lambda part: session.run(signature, {name: part}), parts))

    return {"tensorflow": runtime_version()}, before, began, call


def _onnx(job: ExportJob) -> _Loaded:
    import numpy as np
    import onnxruntime
    from PIL import Image

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = job.threads, 1
    before, began = resident(), time.perf_counter()
    session = onnxruntime.InferenceSession(job.path, options, providers=["CPUExecutionProvider"])
    [taken] = session.get_inputs()
    file = Path(job.image).read_bytes() if job.image else b""

    def decoded() -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(file)), np.float32).reshape(job.shape)

    def call(size: int) -> Callable[[], object]:
        if file:
            return lambda: session.run(None, {taken.name: np.stack([decoded() for _ in range(size)])})
        rows = _rows(job, size)
        return lambda: session.run(None, {taken.name: rows})

    return {"onnxruntime": onnxruntime.__version__}, before, began, call


def _rows(job: ExportJob, size: int) -> Any:
    import numpy as np

    generator = np.random.default_rng(0)
    if len(job.shape) == 1:
        return generator.standard_normal((size, *job.shape), np.float32)
    return generator.integers(0, 256, (size, *job.shape)).astype(np.float32)


def _answer(stream: Any, values: dict[str, Any]) -> None:
    print(json.dumps(values), file=stream, flush=True)


if __name__ == "__main__":
    main()
