"""kresnet, as `kresnet fit` and an export run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.jobs import Job
from benchmarks.peers import LEARNING_RATE, MOMENTUM
from benchmarks.peers.on_tensorflow import TensorFlowPeer, compiled, image_batches, training_data, use_threads


class Contender(TensorFlowPeer):
    """See `benchmarks.worker.Peer`."""

    def __init__(self, job: Job) -> None:
        from kresnet.graph import build_model
        from kresnet.plan import plan_loaded
        from kresnet.spec.loading import load_spec

        use_threads(job.threads)
        self.job = job
        self.plan = plan_loaded(load_spec(job.network))
        self.network = build_model(self.plan, precision=job.precision)
        self.parameters = self.plan.trainable

    def _start_training(self) -> None:
        from kresnet.training.kernel_tuning import choose_kernels_by_time

        if self.job.contender == "kresnet_kernels":
            tuned = choose_kernels_by_time(self.plan, self.job.batch, self.job.precision)
            for name, choice in tuned.choices.items():
                self.network.get_layer(name).kernels = choice
        self._run = training(self.network, self.job, xla=self.job.contender == "kresnet_xla")

    def _start_inference(self) -> None:
        from kresnet.graph.fold import fold_batch_norms

        folded = fold_batch_norms(self.network, self.plan, precision=self.job.precision)
        batches, infer = image_batches(self.job), compiled(folded.model)

        def run(steps: int) -> None:
            for _ in range(steps):
                logits = infer(next(batches))
            logits.numpy()

        self._run = run


def training(network: Any, job: Job, *, xla: bool = False) -> Callable[[int], None]:
    """Return what takes a number of steps with kresnet's engine, under the strategy in whose scope it is called."""
    import tensorflow as tf

    from kresnet.spec.recipe import Sgd
    from kresnet.training.step.engine import Engine
    from kresnet.training.step.optimizers import make_optimizer
    from kresnet.training.step.trainer import Trainer

    trainer = Trainer(network, xla=xla)
    sgd = Sgd(kind="sgd", momentum=MOMENTUM, weight_decay=0.0)
    trainer.updates = make_optimizer(sgd, lambda step: tf.constant(LEARNING_RATE), network.trainable_variables)
    engine = Engine(trainer, tf.distribute.get_strategy())
    batches = engine.distribute(training_data(job))

    def run(steps: int) -> None:
        engine.train(batches, tf.constant(steps, tf.int32))  # a Python number would be traced anew
        engine.metrics()  # waits for the device

    return run
