"""A contender of `benchmarks.halves`: it takes steps for as many seconds as each line says, and answers how fast."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

from benchmarks.jobs import Job


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    job = Job(**json.loads(sys.stdin.readline()))
    run = _training(job)
    run(5)
    print(json.dumps({}), file=answers, flush=True)
    for line in sys.stdin:
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < float(line):
            run(4)
            steps += 4
        rate = steps * job.batch / (time.perf_counter() - began)
        print(json.dumps({"images_per_second": rate}), file=answers, flush=True)


def _training(job: Job) -> Callable[[int], None]:
    """What takes a number of steps; on two logical devices of one thread each where there are replicas."""
    from benchmarks.peers.on_tensorflow import tf, use_threads
    from benchmarks.peers.ours import training
    from kresnet.graph import build_model
    from kresnet.plan import plan_loaded
    from kresnet.spec.loading import load_spec

    use_threads(job.threads)
    strategy = tf.distribute.get_strategy()
    if job.contender.startswith("two replicas"):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    synchronised = ["norm={kind: batch, synchronized: true}"] if job.contender.endswith("synchronised") else []
    plan = plan_loaded(load_spec(job.network, synchronised))
    with strategy.scope():
        return training(build_model(plan, precision=job.precision), job)


if __name__ == "__main__":
    main()
