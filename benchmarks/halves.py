"""A batch as two halves, each on a thread of its own, against one batch on two threads: images a second, in training.

python -m benchmarks.halves [--network cifar_resnet20] [--precision float32] [--rounds 5] [--seconds 3]

Contenders are processes that take turns: one batch on two threads; two processes of half a batch and one core each,
which is what halves could gain at most, as they share nothing; and two replicas of one thread each in one process,
whose batch norms take the statistics of their half or, synchronised, of the whole batch as the first contender's do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.jobs import NETWORKS, PRECISIONS, Job
from benchmarks.spread import ratios, spread

#: Contender -> the cores of its processes.
CONTENDERS = {
    "one batch, two threads": ("0,1",),
    "two processes": ("0", "1"),
    "two replicas": ("0,1",),
    "two replicas, synchronised": ("0,1",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cifar_resnet20", choices=NETWORKS)
    parser.add_argument("--precision", default="float32", choices=PRECISIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)  # in a process that measures
    options = parser.parse_args()
    if options.contender:
        measure(options.contender, options.network, options.precision, options.seconds)
        return
    command = [sys.executable, "-m", "benchmarks.halves", "--network", options.network]
    command += ["--precision", options.precision, "--seconds", str(options.seconds), "--contender"]
    started = {name: [_start([*command, name], cores) for cores in CONTENDERS[name]] for name in CONTENDERS}
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for round in range(options.rounds):
        for name in sorted(CONTENDERS, reverse=bool(round % 2)):
            for process in started[name]:
                _pipe(process.stdin).write("go\n")
                _pipe(process.stdin).flush()
            rates[name].append(sum(float(_pipe(process.stdout).readline()) for process in started[name]))
    for processes in started.values():
        for process in processes:
            process.kill()
    print(f"{options.network}, {options.precision}\n\n| | images/s | against the first |\n|---|---:|---:|")
    first, *_ = rates.values()
    for name, found in rates.items():
        print(f"| {name} | {spread(found)} | {spread(ratios(found, first), 2)} |")
    print(f"\nMedian of {options.rounds} rounds.")


def _start(command: list[str], cores: str) -> subprocess.Popen[str]:
    """A process on these cores, warm."""
    process = subprocess.Popen(
        ["taskset", "-c", cores, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert _pipe(process.stdout).readline() == "warm\n", command
    return process


def _pipe(pipe: Any) -> Any:
    assert pipe is not None
    return pipe


def measure(contender: str, network: str, precision: str, least_seconds: float) -> None:
    """Take steps for some seconds each time a line is read, and print the images a second of this process."""
    share = len(CONTENDERS[contender])
    batch = NETWORKS[network].batch // share
    run = _training(contender, Job("kresnet", network, precision, "training", batch, len(os.sched_getaffinity(0))))
    run(5)
    print("warm", flush=True)
    for _ in sys.stdin:
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < least_seconds:
            run(4)
            steps += 4
        print(steps * batch / (time.perf_counter() - began), flush=True)


def _training(contender: str, job: Job) -> Any:
    """What takes a number of steps; on two logical devices of one thread each where there are replicas."""
    import tensorflow as tf

    from benchmarks.peers.on_tensorflow import training_data, use_threads
    from kresnet.graph import build_model
    from kresnet.plan import plan_loaded
    from kresnet.spec.loading import load_spec
    from kresnet.spec.recipe import Sgd
    from kresnet.training.step.engine import Engine
    from kresnet.training.step.optimizers import make_optimizer
    from kresnet.training.step.trainer import Trainer

    use_threads(job.threads)
    strategy = tf.distribute.get_strategy()
    if contender.startswith("two replicas"):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    synchronised = ["norm={kind: batch, synchronized: true}"] if contender.endswith("synchronised") else []
    plan = plan_loaded(load_spec(job.network, synchronised))
    with strategy.scope():
        trainer = Trainer(build_model(plan, precision=job.precision))
        sgd = Sgd(kind="sgd", momentum=0.9, weight_decay=0.0)
        weights = trainer.network.trainable_variables
        trainer.updates = make_optimizer(sgd, lambda step: tf.constant(0.1), weights)
    engine = Engine(trainer, strategy)
    whole = tf.data.Options()
    whole.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    batches = engine.distribute(training_data(job).with_options(whole))

    def run(steps: int) -> None:
        engine.train(batches, tf.constant(steps, tf.int32))
        engine.metrics()  # waits for the device

    return run


if __name__ == "__main__":
    main()
