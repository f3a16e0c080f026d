"""What saving and determinism cost a training, one line of JSON: the tables of docs/resuming.md.

python docs/figures/measure_saving.py NETWORK BATCH plain|deterministic
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from kresnet.runtime import import_tensorflow

SAVES, STEPS, SECONDS = 5, 5, 8.0


def main(network: str, batch: int, kernels: str) -> None:
    import_tensorflow()
    import numpy as np
    import tensorflow as tf

    from kresnet.graph import build_model
    from kresnet.plan import plan_loaded
    from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
    from kresnet.spec.loading import load_spec
    from kresnet.spec.recipe import Sgd
    from kresnet.training.step.engine import Engine
    from kresnet.training.step.optimizers import make_optimizer
    from kresnet.training.step.trainer import Trainer

    if kernels == "deterministic":
        tf.config.experimental.enable_op_determinism()
    plan = plan_loaded(load_spec(network))
    model = build_model(plan, seed=0)
    trainer = Trainer(model)
    trainer.updates = make_optimizer(Sgd(kind="sgd"), lambda step: tf.constant(0.01), model.trainable_variables)
    engine = Engine(trainer, tf.distribute.get_strategy())
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (batch, *plan.input_shape)).astype(np.uint8)
    labels = random.integers(0, 10, batch).astype(np.int32)
    batches = engine.distribute(tf.data.Dataset.from_tensors((images, labels)).repeat())

    engine.train(batches, 2)
    engine.metrics()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < STEPS or time.perf_counter() - began < SECONDS:
        start = time.perf_counter()
        engine.train(batches, 1)
        engine.metrics()
        times.append(time.perf_counter() - start)

    copies, writes = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(Path(folder) / "checkpoints", 2)
        for save in range(SAVES):
            start = time.perf_counter()
            arrays = engine.state()
            copied = time.perf_counter()
            store.save(Checkpoint(save, arrays, {}))
            copies.append(copied - start)
            writes.append(time.perf_counter() - copied)
    line = {
        "network": network,
        "batch": batch,
        "kernels": kernels,
        "step_ms": round(1e3 * statistics.median(times), 2),
        "steps": len(times),
        "state_mb": round(sum(array.nbytes for array in arrays.values()) / 1e6, 1),
        "copy_ms": round(1e3 * statistics.median(copies), 1),
        "write_ms": round(1e3 * statistics.median(writes), 1),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
