"""Where a run of an export spends its time, by kind of operation, with the settings of `kresnet serve`.

python -m benchmarks.export_profile VERSION_DIR [--batch 1] [--runs 10]

The runtime's own trace of each operation, of the graph that it made of the model: medians over the runs, added up by
kind. Tracing itself costs a little.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
from collections import Counter, defaultdict
from ctypes import byref, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.export import capi
from kresnet.export.protos import RunMetadata, RunOptions
from kresnet.serving.run_threads import choose_run_threads

_WARM_CALLS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", type=Path, metavar="VERSION_DIR")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    capi.disable_xla()
    capi.configure_runtime(choose_run_threads([options.version]))
    session = capi.SavedModelSession(options.version)
    [(name, taken)] = session.signatures["serving_default"].inputs.items()
    shape = [dim.size if dim.size > 0 else 224 for dim in taken.tensor_shape.dim[1:]]
    rows = np.random.default_rng(0).uniform(0, 255, (options.batch, *shape)).astype(np.float32)
    for _ in range(_WARM_CALLS):
        session.run("serving_default", {name: rows})
    milliseconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(options.runs):
        found = trace(session, name, rows)
        kinds = {node.name: node.op for graph in found.partition_graphs for node in graph.node}
        for device in found.step_stats.dev_stats:
            for node in device.node_stats:
                took = node.op_end_rel_micros - node.op_start_rel_micros
                milliseconds[kinds.get(node.node_name, "other"), node.node_name].append(took / 1000)
    count: Counter[str] = Counter(kind for kind, _ in milliseconds)
    total: Any = Counter()  # whose type says whole numbers
    for (kind, _), times in milliseconds.items():
        total[kind] += statistics.median(times)
    for kind, time in total.most_common():
        print(f"{time:8.3f} ms {count[kind]:5} {kind}")
    print(f"{total.total():8.3f} ms")


def trace(session: capi.SavedModelSession, name: str, rows: np.ndarray) -> Any:
    """`RunMetadata` of one run of `serving_default`."""
    library, signature = capi._library(), session.signatures["serving_default"]
    wanted = RunOptions(trace_level=RunOptions.FULL_TRACE, output_partition_graphs=True).SerializeToString()
    options = capi._Buffer(ctypes.cast(ctypes.create_string_buffer(wanted, len(wanted)), c_void_p), len(wanted), None)
    metadata = library.TF_NewBuffer()
    outputs = session._endpoints([info.name for info in signature.outputs.values()])
    results, feed = (c_void_p * len(outputs))(), capi._to_tensor(rows)
    try:
        with capi._status() as status:
            library.TF_SessionRun(
                session._session, ctypes.cast(byref(options), c_void_p),
                session._endpoints([signature.inputs[name].name]), (c_void_p * 1)(feed), 1,
                outputs, results, len(outputs), None, 0, ctypes.cast(metadata, c_void_p), status,
            )  # fmt: skip
        return RunMetadata.FromString(capi._buffer_bytes(metadata))
    finally:
        capi._delete_input(feed)
        library.TF_DeleteBuffer(metadata)
        for tensor in filter(None, results):
            library.TF_DeleteTensor(tensor)


if __name__ == "__main__":
    main()
