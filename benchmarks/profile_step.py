"""Where a training step's time goes, and what its convolutions take alone: the bound on every framework around them.

python -m benchmarks.profile_step [--network resnet50] [--precision bfloat16] [--batch 256] [--xla] [-o DIR]

The first table is TensorFlow's own profile of a few steps: on a GPU its kernels by time on the device, and how long the
device had nothing to do; on a CPU operations by kind, added up over threads. The second, left out with
`--no-convolutions`, runs each convolution of the plan by itself, forward and both gradients: the sum is what a step of
nothing else would take. `-o` gets the first table as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.jobs import NETWORKS, PRECISIONS, Job
from benchmarks.kernel_profile import KernelProfile, kernel_profile
from benchmarks.peers.ours import Contender
from benchmarks.worker import seconds
from kresnet.cores import usable_cores

#: What tf.profiler calls the executor around an operation, and whole functions: not operations.
_NOT_OPERATIONS = ("Process", "Run", "Start", "Done", "DoCompute", "Root")


def main() -> None:
    options = _options()
    batch = options.batch or NETWORKS[options.network].batch
    name = "kresnet_xla" if options.xla else "kresnet"
    contender = Contender(Job(name, options.network, options.precision, "training", batch, options.threads))
    contender.start()
    contender.run(options.steps)
    step = min(seconds(lambda: contender.run(options.steps)) / options.steps for _ in range(3))
    xla = ", XLA" if options.xla else ""
    title = f"{options.network}, {options.precision}, batch {batch}{xla}"
    print(f"{title}: {step * 1e3:.1f} ms a step\n", flush=True)
    space = traced(contender.run, options.steps)
    kernels = kernel_profile(space, options.steps)
    if kernels:
        print("\n".join(kernels.lines(options.operations)), flush=True)
        if options.output:
            _write(options.output, title, step, kernels)
    else:
        _print_operations(host_operations(space, options.steps), options.operations)
    if options.convolutions:
        _print_convolutions(contender.plan, batch, options.precision, step)


def _write(folder: Path, title: str, step: float, kernels: KernelProfile) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = "profile-" + title.replace(", ", "-").replace(" ", "")
    written = {"title": title, "step_ms": step * 1e3, **kernels.as_dict()}
    (folder / f"{name}.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="resnet50")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--batch", type=int, help="images a step; the network's own in `benchmarks.compare` by default")
    parser.add_argument("--xla", action="store_true", help="passes compiled by XLA")
    parser.add_argument("--threads", type=int, default=len(usable_cores()))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--operations", type=int, default=12, help="rows of the table")
    parser.add_argument("--no-convolutions", dest="convolutions", action="store_false", help="without the second table")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR")
    return parser.parse_args()


def traced(run: Callable[[int], None], steps: int) -> Any:
    """TensorBoard's trace of some steps, an `XSpace`."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as log:
        with tf.profiler.experimental.Profile(log):
            run(steps)
        space = xplane_pb2.XSpace()
        space.ParseFromString(next(Path(log).rglob("*.xplane.pb")).read_bytes())
    return space


def host_operations(space: Any, steps: int) -> tuple[Counter[str], Counter[str]]:
    """Milliseconds and number of operations of a step, by kind."""
    times: Any = Counter()  # whose type says whole numbers
    counts: Any = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                _, named, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                kind = kind.partition("#")[0].strip()
                if named and kind not in _NOT_OPERATIONS and not kind.startswith("__inference"):
                    times[kind] += event.duration_ps / 1e9 / steps
                    counts[kind] += 1 / steps
    return times, counts


def _print_operations(found: tuple[Counter[str], Counter[str]], rows: int) -> None:
    times, counts = found
    total = sum(times.values())
    print("| operation | a step | ms, over threads | share |\n|---|---|---|---|")
    for kind, took in times.most_common(rows):
        print(f"| {kind} | {counts[kind]:.0f} | {took:.1f} | {took / total:.0%} |")
    others = total - sum(took for _, took in times.most_common(rows))
    print(f"| everything else | | {others:.1f} | {others / total:.0%} |\n")


def _print_convolutions(plan: Any, batch: int, precision: str, step: float) -> None:
    totals: Any = Counter()
    flop = 0
    print("| convolution, `(H, C) → width` | times | forward | by input | by weights |\n|---|---|---|---|---|")
    for convolution, times in Counter(_convolutions(plan)).items():
        taken = _alone(convolution, batch, precision)
        one = 2 * batch * convolution.macs
        shown = {name: f"{each * 1e3:.2f} ms, {one / each / 1e9:.0f} GFLOP/s" for name, each in taken.items()}
        cells = " | ".join(shown.get(name, "") for name in ("forward", "by input", "by weights"))
        print(f"| {convolution} | {times} | {cells} |", flush=True)
        for name, each in taken.items():
            totals[name] += each * times
            flop += one * times
    alone = sum(totals.values())
    parts = ", ".join(f"{name} {took * 1e3:.0f}" for name, took in totals.items())
    print(f"\nalone, one after the other: {alone * 1e3:.0f} ms ({parts}), {flop / alone / 1e9:.0f} GFLOP/s;")
    print(f"the step takes {step / alone:.2f} times as long; nothing but them would make {batch / alone:.4g} images/s")


@dataclass(frozen=True)
class _Convolution:
    """A square one, from `(H, H, C)` to `(out, out, width)`; `first` if it reads the image."""

    side: int
    channels: int
    out: int
    width: int
    kernel: int
    stride: int
    padding: str
    macs: int
    first: bool

    def __str__(self) -> str:
        return f"{self.kernel}×{self.kernel}/{self.stride}, ({self.side}, {self.channels}) → {self.width}"


def _convolutions(plan: Any) -> Iterator[_Convolution]:
    for record in plan.records:
        if record.kind == "conv":
            side, _, channels = plan.by_name[record.inputs[0]].shape
            kernel, stride, padding = (record.settings[name] for name in ("kernel", "stride", "padding"))
            out, _, width = record.shape
            first = channels == plan.input_shape[-1]
            yield _Convolution(side, channels, out, width, kernel, stride, padding.upper(), record.macs, first)


def _alone(each: _Convolution, batch: int, precision: str) -> dict[str, float]:
    """Seconds of each of its passes, the best of a few."""
    import tensorflow as tf

    image, kernel = (batch, each.side, each.side, each.channels), (each.kernel, each.kernel, each.channels, each.width)
    x, w, dy = (
        tf.cast(tf.random.stateless_normal(shape, (0, 0)), precision)
        for shape in (image, kernel, (batch, each.out, each.out, each.width))
    )
    common = {"strides": [1, each.stride, each.stride, 1], "padding": each.padding}
    ops = tf.raw_ops
    passes = {
        "forward": lambda: ops.Conv2D(input=x, filter=w, **common),
        "by input": lambda: ops.Conv2DBackpropInput(input_sizes=image, filter=w, out_backprop=dy, **common),
        "by weights": lambda: ops.Conv2DBackpropFilter(input=x, filter_sizes=kernel, out_backprop=dy, **common),
    }
    return {name: _best(run) for name, run in passes.items() if not (each.first and name == "by input")}


def _best(make: Callable[[], Any], calls: int = 6, rounds: int = 5) -> float:
    """Seconds of a call, of a few in a row."""
    import tensorflow as tf

    compiled = tf.function(lambda: tf.reduce_sum(tf.cast(make()[:1, :1], tf.float32)))

    def run() -> None:
        for _ in range(calls):
            last = compiled()
        last.numpy()

    run()
    return min(seconds(run) / calls for _ in range(rounds))


if __name__ == "__main__":
    main()
