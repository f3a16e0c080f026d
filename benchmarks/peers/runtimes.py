"""ONNX Runtime and OpenVINO, in inference: the network that kresnet exports, batch norms folded, as an ONNX file."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.jobs import Job
from benchmarks.peers import ring


def folded_onnx(job: Job, path: Path) -> int:
    """Write the network from uint8 images to float32 logits; the number of its trainable parameters."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import tensorflow as tf
    import tf2onnx

    from kresnet.graph import build_model
    from kresnet.graph.fold import fold_batch_norms
    from kresnet.plan import plan_loaded
    from kresnet.spec.loading import load_spec

    plan = plan_loaded(load_spec(job.network))
    folded = fold_batch_norms(build_model(plan), plan)
    images = tf.TensorSpec((job.batch, *plan.input_shape), tf.uint8, name="images")
    infer = tf.function(lambda images: folded.model(tf.cast(images, tf.float32), training=False))
    tf2onnx.convert.from_function(infer, input_signature=[images], opset=18, output_path=str(path))
    return plan.trainable


class Contender:
    """See `benchmarks.worker.Peer`."""

    on_gpu = False

    def __init__(self, job: Job) -> None:
        if job.mode != "inference" or (job.contender == "onnxruntime" and job.precision != "float32"):
            raise ValueError(f"{job.contender} has no {job.mode} in {job.precision} on a CPU")
        self.job = job
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "network.onnx"
        self.parameters = folded_onnx(job, self._path)

    def versions(self) -> dict[str, str]:
        return {self.job.contender: version(self.job.contender)}

    def start(self) -> None:
        self._batches = itertools.cycle(ring(self.job)[0])
        self._infer = (_onnxruntime if self.job.contender == "onnxruntime" else _openvino)(self._path, self.job)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self._infer(next(self._batches))

    def settle(self) -> None:
        self.run(2)

    def device_peak(self) -> int | None:
        return None

    def release(self) -> None:
        """Neither holds memory of a GPU."""

    def product(self, side: int, count: int) -> Callable[[], None]:
        """By NumPy, whose BLAS is as good as any; bfloat16 it has none of, and others measure that."""
        left, right = (np.random.default_rng(n).standard_normal((side, side), np.float32) for n in (1, 2))
        return lambda: [left @ right for _ in range(count)].clear()


def _onnxruntime(path: Path, job: Job) -> Callable[[Any], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})


def _openvino(path: Path, job: Job) -> Callable[[Any], Any]:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": job.threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[job.precision],
    }
    network = openvino.Core().compile_model(str(path), "CPU", settings)
    request = network.create_infer_request()
    return lambda images: request.infer([images])
