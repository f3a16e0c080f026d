"""What probing a training step costs in CPU seconds, one line a case: the table of docs/batch-norm.md.

python docs/figures/measure_training.py NETWORK PRECISION BATCH
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from kresnet.runtime import import_tensorflow

STEPS = 5


def main(network: str, precision: str, batch: int) -> None:
    import_tensorflow()
    import numpy as np
    import tensorflow as tf

    from kresnet.graph import build_model
    from kresnet.plan import plan_loaded
    from kresnet.probes.probe import Probe
    from kresnet.spec.loading import load_spec
    from kresnet.spec.recipe import Sgd
    from kresnet.training.step.engine import Engine
    from kresnet.training.step.optimizers import make_optimizer
    from kresnet.training.step.trainer import Trainer

    plan = plan_loaded(load_spec(network))
    model = build_model(plan, precision=precision)
    trainer = Trainer(model)
    trainer.updates = make_optimizer(Sgd(kind="sgd"), lambda step: tf.constant(0.01), model.trainable_variables)
    engine = Engine(trainer, tf.distribute.get_strategy())
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (batch, *plan.input_shape)).astype(np.uint8)
    labels = random.integers(0, 10, batch).astype(np.int32)
    batches = engine.distribute(tf.data.Dataset.from_tensors((images, labels)).repeat())
    line: dict[str, object] = {"network": network, "precision": precision, "batch": batch}

    def measure(name: str, step: Callable[[], Any]) -> None:
        times = []
        for _ in range(STEPS + 1):
            began = time.process_time()
            step()
            engine.metrics()
            times.append(time.process_time() - began)
        line[f"{name}_first"] = round(times[0], 1)
        line[name] = round(statistics.median(times[1:]), 3)
        line[f"{name}_peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)

    measure("plain", lambda: engine.train(batches, 1))
    for name, options in (
        ("gradients", {"check_norms": False, "measure_blocks": True}),
        ("bn", {"check_norms": True, "measure_blocks": False}),
    ):
        probe = Probe(plan, model, **options)
        measure(name, partial(engine.train_probed, batches, probe))
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
