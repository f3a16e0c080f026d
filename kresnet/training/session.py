"""The loop over steps and epochs: progress, history, checkpoints, signals."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from kresnet.analysis.probe import Probe
from kresnet.checkpoint import Checkpoint, CheckpointStore
from kresnet.data.pipeline import evaluation_batches, training_batches
from kresnet.data.sources import DataSet
from kresnet.data.splits import naming_unreadable_images
from kresnet.errors import fail
from kresnet.spec.recipe import Recipe
from kresnet.training.engine import Engine
from kresnet.training.instruments import Instruments
from kresnet.training.progress import Progress
from kresnet.training.run import Run

#: One call to the device takes about this long, so that the display lives and a signal is heard.
SECONDS_A_CALL = 0.5


class Session:
    """One process's share of a run, from its newest checkpoint to its end."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        data: DataSet,
        engine: Engine,
        instruments: Instruments,
        epoch_steps: int,
        log: Callable[[str], None],
    ) -> None:
        self.directory, self.recipe, self.data, self.engine, self.log = run, recipe, data, engine, log
        self.instruments = instruments
        self.store = CheckpointStore(run.checkpoints, recipe.checkpoints.keep_last)
        self.epoch_steps, self.total_steps = epoch_steps, recipe.epochs * epoch_steps
        self.step = 0
        self.seconds = 0.0  # in training steps, since the run began
        self.epoch_seconds, self.epoch_images = 0.0, 0  # since the epoch began, the compiling call aside
        self.first_rate = 0.0  # images/s of that call, for an epoch that has no other
        self.line: dict[str, Any] = {}  # of history, of the last epoch that ended
        self.stop_requested = False

    def run(self) -> dict[str, Any]:
        """Train to the end.

        Returns:
            The last epoch's line of history.

        Raises:
            KresnetError: `diverged`, `interrupted` (the state is saved), `disk_full`, `image_unreadable`.
        """
        self._restore()
        self.writer = tf.summary.create_file_writer(str(self.directory.tensorboard))
        self.progress = Progress(self.recipe.epochs, self.epoch_steps, self.step)
        batches = self.engine.distributed(
            training_batches(
                self.data.train,
                augment=self.recipe.augment,
                batch_size=self.recipe.batch_size,
                seed=self.recipe.seed,
                start_step=self.step,
                stop_step=self.total_steps,
            )
        )
        count = 0  # steps a call; 0 until the first call has compiled
        with self._signals_heard(), naming_unreadable_images(self.data.train, self.data.test):
            while self.step < self.total_steps:
                before = self.step
                saved_at = min(self._next_multiple(self.epoch_steps), self._next_save())
                end = min(saved_at, self.instruments.next_due(self.step))
                if probe := self.instruments.due(self.step):
                    self._look(batches, probe)
                while self.step < end and not self.stop_requested:
                    count = self._call(batches, count, int(end))
                if self.step % self.epoch_steps == 0 and self.step > before:
                    self._end_epoch()
                if self.step == saved_at or self.stop_requested:
                    self._save()
                if self.stop_requested and self.step < self.total_steps:
                    message = f"Stopped after step {self.step} of {self.total_steps}; the state is saved."
                    raise fail("interrupted", message, remedy=f"kresnet fit --resume {self.directory}")
        return self.line

    def _next_multiple(self, period: int) -> int:
        return (self.step // period + 1) * period

    def _next_save(self) -> int:
        every = self.recipe.checkpoints.save_every_steps
        return self._next_multiple(every) if every else self.total_steps

    def _call(self, batches: Iterator[Any], count: int, end: int) -> int:
        """Take some steps; how many the next call should take."""
        steps = min(max(count, 1), end - self.step)
        began = time.perf_counter()
        self.engine.train(batches, steps)
        elapsed, images = self._taken(steps, began), steps * self.recipe.batch_size
        if not count:
            self.first_rate = images / elapsed
            return 1
        self.epoch_seconds += elapsed
        self.epoch_images += images
        return max(1, round(steps * SECONDS_A_CALL / elapsed))

    def _look(self, batches: Iterator[Any], probe: Probe) -> None:
        """Take one step, and see to what it shows of itself."""
        began = time.perf_counter()
        findings = self.engine.train_probed(batches, probe)
        with self.writer.as_default():
            line = self.instruments.record_gradients(self.step + 1, probe, findings)
        if line:
            self.directory.append_history(line)
        self._taken(1, began)
        self.instruments.require_norms(probe, findings)

    def _taken(self, steps: int, began: float) -> float:
        """Count the steps of a call that began at `began`, once the device has done them; the seconds it took."""
        metrics = self.engine.metrics()
        taken, finite = self.engine.steps_taken()
        elapsed = time.perf_counter() - began
        self.step += taken
        self.seconds += elapsed
        if not finite:
            raise fail(
                "diverged",
                f"The loss or its gradient is no longer finite in step {self.step + 1} of {self.total_steps}.",
                remedy=f"--set recipe.optimizer.learning_rate={self.recipe.optimizer.learning_rate / 10:g}, "
                "or recipe.gradient_clip_norm=1.0",
            )
        self.progress.steps(self.step, metrics, steps * self.recipe.batch_size / elapsed)
        return elapsed

    def _end_epoch(self) -> None:
        train = self.engine.metrics()
        self.engine.reset()
        test = self.engine.evaluate(evaluation_batches(self.data.test, self.recipe.batch_size), self.recipe.batch_size)
        self.line = {
            "epoch": self.step // self.epoch_steps,
            "step": self.step,
            "train": train,
            "test": test,
            "learning_rate": self.engine.learning_rate(),
            "images_per_second": self.epoch_images / self.epoch_seconds if self.epoch_images else self.first_rate,
            "seconds": self.seconds,
        }
        self.epoch_seconds, self.epoch_images = 0.0, 0
        self.directory.append_history(self.line)
        with self.writer.as_default(step=self.line["epoch"]):
            for split in ("train", "test"):
                for name, value in self.line[split].items():
                    tf.summary.scalar(f"{split}/{name}", value)
            tf.summary.scalar("learning_rate", self.line["learning_rate"])
        self.writer.flush()
        self.progress.epoch(self.line)

    def _save(self) -> None:
        facts = {"seconds": self.seconds, "line": self.line}
        self.store.save(Checkpoint(self.step, self.engine.state(), facts))

    def _restore(self) -> None:
        checkpoint, damaged = self.store.latest()
        for sentence in damaged:
            self.log(sentence)
        if damaged and checkpoint is None:
            message = f"{self.directory} has checkpoints, but none that can be read."
            raise fail("checkpoint_invalid", message, remedy=f"rm -r {self.store.directory}, to train from the start")
        if checkpoint is not None:
            try:
                self.engine.restore(checkpoint.arrays)
            except ValueError as error:
                raise fail("run_changed", f"{self.directory} cannot be continued: {error}.") from None
            self.step, self.seconds, self.line = checkpoint.step, checkpoint.facts["seconds"], checkpoint.facts["line"]
            self.log(f"Continuing after step {self.step} of {self.total_steps}.")
        self.directory.keep_history_until(self.step)

    @contextlib.contextmanager
    def _signals_heard(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM finish the steps under way and save, rather than end the process."""

        def request_stop(*_: object) -> None:
            self.stop_requested = True

        handlers = {number: signal.signal(number, request_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
