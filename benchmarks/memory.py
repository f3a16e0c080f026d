"""Peak memory and time of a training step by what a recipe can do about memory, beside the estimate of the plan.

python -m benchmarks.memory [--network resnet50] [--batch 16]

Each case runs in a process of its own; memory is the most that the process held, less what it
held before the first step.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

#: What a recipe says -> what a step is built with.
CASES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "accumulate_steps: 4": {"parts": 4},
    "rematerialize: [1]": {"rematerialize": [1]},
    "rematerialize: [1, 2, 3, 4]": {"rematerialize": [1, 2, 3, 4]},
    "precision: bfloat16": {"precision": "bfloat16"},
    "all three": {"precision": "bfloat16", "parts": 4, "rematerialize": [1, 2, 3, 4]},
}
_STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    print("| | peak | estimate | seconds a step |\n|---|---|---|---|")
    for name, case in CASES.items():
        found = measured(options.network, options.batch, case)
        print(
            f"| `{name}` | {found['peak'] / 1e9:.2f} GB | {found['estimate'] / 1e9:.2f} GB | {found['seconds']:.2f} |",
            flush=True,
        )


def measured(network: str, batch: int, case: dict[str, Any]) -> dict[str, float]:
    """`step` in a fresh process."""
    command = [sys.executable, "-c", f"from benchmarks.memory import child; child({network!r}, {batch}, {case!r})"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def child(network: str, batch: int, case: dict[str, Any]) -> None:
    print(json.dumps(step(network, batch, **case)))


def step(
    network: str, batch: int, *, parts: int = 1, rematerialize: tuple[int, ...] = (), precision: str = "float32"
) -> dict[str, float]:
    """Take steps on random images: `peak` and `estimate` in bytes, `seconds` of the fastest."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from kresnet.graph import build_model
    from kresnet.plan import plan_loaded
    from kresnet.plan.memory_estimate import estimate_memory
    from kresnet.spec.loading import load_spec
    from kresnet.spec.recipe import Sgd
    from kresnet.training.loop.peak_memory import peak_memory
    from kresnet.training.step.engine import Engine
    from kresnet.training.step.optimizers import make_optimizer
    from kresnet.training.step.rematerialization import rematerialized_forward
    from kresnet.training.step.trainer import Trainer

    plan = plan_loaded(load_spec(network))
    model = build_model(plan, precision=precision)
    before = peak_memory()["host"]
    forward = rematerialized_forward(model, plan, rematerialize) if rematerialize else None
    trainer = Trainer(model, accumulate_steps=parts, forward=forward)
    trainer.updates = make_optimizer(Sgd(kind="sgd"), lambda step: tf.constant(0.01), model.trainable_variables)
    engine = Engine(trainer, tf.distribute.get_strategy())
    images = tf.random.stateless_uniform((batch, *plan.input_shape), (0, 0), maxval=256, dtype=tf.int32)
    data = tf.data.Dataset.from_tensors((tf.cast(images, tf.uint8), tf.zeros(batch, tf.int32))).repeat()
    batches, seconds = engine.distribute(data), []
    for _ in range(_STEPS):
        began = time.perf_counter()
        engine.train(batches, 1)
        engine.metrics()
        seconds.append(time.perf_counter() - began)
    told = estimate_memory(
        plan, batch // parts, accumulate_steps=parts, rematerialize=rematerialize, precision=precision
    )
    variables = 4 * (plan.trainable + plan.non_trainable)  # there before the first step
    return {"peak": peak_memory()["host"] - before, "estimate": told.total - variables, "seconds": min(seconds)}


if __name__ == "__main__":
    main()
