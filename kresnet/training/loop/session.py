"""The loop over steps and epochs: progress, history, saves, and the moments where it may stop."""

from __future__ import annotations

import contextlib
import io
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from kresnet.data.pipeline import BatchSlice, evaluation_batches, training_batches
from kresnet.data.sources import DataSet
from kresnet.data.splits import naming_unreadable_images
from kresnet.distributed.workers import Workers
from kresnet.errors import make_error
from kresnet.files import translate_os_errors
from kresnet.plan.resolved_recipe import ResolvedRecipe
from kresnet.probes.first_non_finite import NonFiniteProbe
from kresnet.probes.probe import Probe
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
from kresnet.runs.lock import RunLock
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.recipe import Recipe
from kresnet.training.loop.checkpoint_saver import CheckpointSaver
from kresnet.training.loop.early_stopping import EarlyStoppingState
from kresnet.training.loop.monitors import Monitors
from kresnet.training.loop.non_finite_guard import NonFiniteGuard
from kresnet.training.loop.progress import Progress, ProgressMaker
from kresnet.training.loop.signals import Stopped, StopSignals
from kresnet.training.loop.throughput import Throughput
from kresnet.training.step.engine import Engine

#: One call to the device takes about this long, so that the display lives and a signal is heard.
SECONDS_A_CALL = 0.5


class TrainingSession:
    """One process's share of a run, from its newest checkpoint to its end."""

    def __init__(
        self,
        run: RunDirectory,
        recipe: Recipe,
        data: DataSet,
        engine: Engine,
        instruments: Monitors,
        outline: ResolvedRecipe,
        workers: Workers,
        lock: RunLock | None,
        stop: StopSignals,
        write_model: Callable[[Path], None],
        log: Callable[[str], None],
        display: ProgressMaker = Progress,
    ) -> None:
        self.directory, self.recipe, self.data, self.engine, self.log = run, recipe, data, engine, log
        self.display = display if workers.chief else partial(Progress, stream=io.StringIO())
        self.instruments, self.lock, self.stop, self.write_model = instruments, lock, stop, write_model
        self.workers, self.share = workers, BatchSlice(workers.rank, workers.count)
        self.store = CheckpointStore(run.checkpoints, recipe.checkpoints.keep_last)
        self.saver = CheckpointSaver(self.store if workers.chief else None, recipe.checkpoints, outline)
        self.epoch_steps, self.total_steps = outline.epoch_steps, outline.total_steps
        self.step = 0
        self.seconds = 0.0  # in training steps, since the run began
        self.pace = Throughput()
        self.count = 0  # steps a call; 0 until the first call has compiled
        self.ending, self.save_due = False, False  # what all workers know to be wanted; see `_agree`
        self.line: dict[str, Any] = {}  # of history, of the last epoch that ended
        self.stopping = EarlyStoppingState(**outline.early_stopping) if outline.early_stopping else None
        self.guard = NonFiniteGuard(recipe)
        self.best: dict[str, Any] | None = None  # step and value of the metric that the recipe keeps the best by

    def run(self) -> dict[str, Any]:
        """Train to the end.

        Returns:
            The last epoch's line of history.

        Raises:
            KresnetError: `diverged`, `interrupted` (the state is saved), `disk_full`, `image_unreadable`.
        """
        restored = self._restore()
        if self.workers.chief:
            self.writer = tf.summary.create_file_writer(str(self.directory.tensorboard))
        else:
            self.writer = tf.summary.create_noop_writer()
        self.progress = self.display(self.total_steps, self.epoch_steps, self.step)
        self.batches = self._batches()
        if self.guard.goes_back and not restored:
            self._save()
        try:
            with naming_unreadable_images(self.data.train, self.data.test):
                while not self._at_end():
                    self._train_to_next_event()
            self.saver.finish()
        finally:
            self.saver.close()
        return self.line

    def _batches(self) -> Iterator[Any]:
        """Of the steps to come."""
        batches = training_batches(
            self.data.train,
            augment=self.recipe.augment,
            classes=len(self.data.class_names),
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            start_step=self.step,
            stop_step=self.total_steps,
            share=self.share,
        )
        return self.engine.distributed(batches)

    def _at_end(self) -> bool:
        stopped = self.stopping is not None and self.stopping.stopped
        return (self.step == self.total_steps or stopped) and not self._epoch_open()

    def _epoch_open(self) -> bool:
        """Whether an epoch's steps are done, but not its evaluation; the last epoch may be cut short."""
        ended = self.step > 0 and (self.step % self.epoch_steps == 0 or self.step == self.total_steps)
        return ended and self.line.get("step") != self.step

    def _train_to_next_event(self) -> None:
        """Train up to the next moment where something else is due, and do it."""
        if not self._epoch_open():
            end = int(min(self.saver.next_step(self.step), self.instruments.next_due(self.step)))
            taken = True
            if (probe := self.instruments.due(self.step)) and self._agree_on_steps(end):
                taken = self._probed_step(probe)
            while taken and self.step < end and (steps := self._agree_on_steps(end)):
                taken = self._train_steps(steps)
            if not taken:
                self._handle_non_finite_step()
        if self._epoch_open():
            with contextlib.suppress(Stopped):  # the evaluation is done again by who continues
                self._end_epoch()
        if self.saver.by_step(self.step) or self.save_due or self.ending:
            self._save()
        if self.ending and not self._at_end():
            self.saver.finish()
            self.workers.all_gather("saved")  # no worker ends before the chief has written the state
            message = f"Stopped after step {self.step} of {self.total_steps}; the state is saved."
            raise make_error("interrupted", message, remedy=f"kresnet fit --resume {self.directory}")

    def _agree_on_steps(self, end: int) -> int:
        """How many steps all workers take next, at most up to `end`, as many as fit into the time of a call.

        The chief's clock decides; none if it says that the state is to be saved, or if any worker was told to stop.
        """
        steps = min(max(self.count, 1), end - self.step)
        everyone = self.workers.all_gather([self.stop.requested, steps, self.saver.by_clock()])
        self.ending = any(asked for asked, *_ in everyone)
        _, steps, self.save_due = everyone[0]
        return 0 if self.ending or self.save_due else steps

    def _raise_if_stopping(self) -> None:
        """Raise `Stopped`, in all workers, if one was told to stop."""
        self._agree_on_steps(self.step)
        if self.ending:
            raise Stopped

    def _train_steps(self, steps: int) -> bool:
        """Take some steps; whether all could be taken."""
        began = time.perf_counter()
        self.engine.train(self.batches, steps)
        taken, elapsed = self._count_steps(began)
        self.pace.add(elapsed, taken * self.recipe.batch_size, self.engine.seconds_waited())
        self.count = max(1, round(steps * SECONDS_A_CALL / elapsed)) if self.count else 1
        return taken == steps

    def _probed_step(self, probe: Probe) -> bool:
        """Take one step, and see to what it shows of itself; whether it could be taken."""
        began = time.perf_counter()
        findings = self.engine.train_probed(self.batches, probe)
        taken, _ = self._count_steps(began)
        if taken:
            with self.writer.as_default():
                self._append_history(self.instruments.record(self.step, probe, findings))
            self.instruments.require_norms(probe, findings)
        return taken == 1

    def _count_steps(self, began: float) -> tuple[int, float]:
        """How many steps a call has taken that began at `began`, and its seconds, once the device is done."""
        metrics, taken = self.engine.metrics(), self.engine.steps_taken()
        elapsed = time.perf_counter() - began
        self.step += taken
        self.seconds += elapsed
        self.progress.steps(self.step, metrics, taken * self.recipe.batch_size / elapsed)
        return taken, elapsed

    def _handle_non_finite_step(self) -> None:
        """Do what the recipe says about the next step, which is not finite and has changed nothing."""
        epoch, batch = divmod(self.step, self.epoch_steps)
        where = f"step {self.step + 1} of {self.total_steps} (epoch {epoch + 1}, batch {batch + 1})"
        before, probe = self.engine.state(), NonFiniteProbe(self.instruments.plan, self.instruments.network)
        findings = self.engine.examine(next(self._batches()), probe)
        self.engine.restore(before)
        told = f"In {where} {probe.sentence(findings)}."
        self.guard.decide(self.step, told)
        if self.guard.goes_back:
            self._roll_back()
            self.log(f"{told} Going back to step {self.step}, with {self.guard.rate_scale:g} of the learning rate.")
        else:
            self.log(f"{told} Leaving it out.")
            self.engine.pass_over()
            self.step += 1
        self.batches = self._batches()

    def _roll_back(self) -> None:
        """Take up the last state that was due by its step, which no clock and no signal can change."""
        self.saver.finish()
        rollbacks = self.guard.rollbacks
        if self.workers.chief:
            self.store.drop_after(self.saver.last_by_step(self.step))
        self._restore()
        self.guard.rollbacks = rollbacks
        self.engine.scale_rate(self.guard.rate_scale)

    def _end_epoch(self) -> None:
        """Evaluate, and write down how the epoch went; `Stopped` comes before anything is changed."""
        images = evaluation_batches(self.data.test, self.recipe.batch_size, self.share)
        test = self.engine.evaluate(images, self.recipe.batch_size, between=self._raise_if_stopping)
        train = self.engine.metrics()
        self.engine.reset()
        self.line = {
            "epoch": -(-self.step // self.epoch_steps),
            "step": self.step,
            "train": train,
            "test": test,
            "learning_rate": self.engine.learning_rate(),
            **self.pace.figures(),
            "seconds": self.seconds,
        }
        self.pace.reset()
        self._append_history(self.line)
        self._write_summaries()
        self.progress.epoch(self.line)
        self._keep_best()
        if self.stopping and self.stopping.observe(self.step, self.line["test"]):
            self.log(self.stopping.sentence())

    def _append_history(self, line: dict[str, Any]) -> None:
        """Add a line to the run's history."""
        if self.lock:
            self.lock.require()
            self.directory.append_history(line)

    def _write_summaries(self) -> None:
        with self.writer.as_default(step=self.line["epoch"]):
            for split in ("train", "test"):
                for name, value in self.line[split].items():
                    tf.summary.scalar(f"{split}/{name}", value)
            tf.summary.scalar("learning_rate", self.line["learning_rate"])
        with translate_os_errors(self.directory.tensorboard):
            self.writer.flush()

    def _keep_best(self) -> None:
        """Write the network if it is the best so far, by the recipe's metric."""
        wanted = self.recipe.checkpoints.keep_best
        if wanted is None:
            return
        value = self.line["test"][wanted.metric]
        if math.isfinite(value) and (self.best is None or wanted.better(value, self.best["value"])):
            self.best = {"step": self.step, "epoch": self.line["epoch"], "metric": wanted.metric, "value": value}
            self.write_model(self.directory.best)

    def _save(self) -> None:
        if self.lock:
            self.lock.require()
        facts = {"seconds": self.seconds, "line": self.line, "best": self.best, "non_finite": self.guard.facts()}
        facts["pace"] = self.pace.sums()
        if self.stopping:
            facts["early_stopping"] = self.stopping.facts()
        keep = {self.saver.last_by_step(self.step)} if self.guard.goes_back else set()
        self.saver.save(self.engine, self.step, facts, keep)
        self.save_due = False

    def _restore(self) -> bool:
        """Go on from the newest valid checkpoint, every worker from what the chief has; whether there is one."""
        checkpoint = self._restore_newest_checkpoint() if self.workers.chief else None
        told = self.workers.all_gather((checkpoint.step, dict(checkpoint.facts)) if checkpoint else None)[0]
        if told:
            self.step, facts = told
            self.seconds, self.line, self.best = facts["seconds"], facts["line"], facts["best"]
            self.guard.restore(facts["non_finite"])
            self.pace.restore(facts["pace"])
            if self.stopping:
                self.stopping.restore(facts["early_stopping"])
            self.saver.continue_from(self.step, facts)
            self.log(f"Continuing after step {self.step} of {self.total_steps}.")
        if self.workers.count > 1:
            self.engine.restore(self.workers.broadcast(self.engine.state()))
        if self.workers.chief:
            self.directory.keep_history_until(self.step)
        return told is not None

    def _restore_newest_checkpoint(self) -> Checkpoint | None:
        """The newest valid checkpoint, whose variables are set."""
        checkpoint, damaged = self.store.latest()
        for each in damaged:
            self.log(str(self.store.set_aside(each)))
        if damaged and checkpoint is None:
            message = f"{self.directory} has checkpoints, but none that can be read."
            raise make_error(
                "checkpoint_invalid", message, remedy=f"rm -r {self.store.directory}, to train from the start"
            )
        if checkpoint is not None:
            try:
                self.engine.restore(checkpoint.arrays)
            except ValueError as error:
                raise make_error("run_changed", f"{self.directory} cannot be continued: {error}.") from None
        return checkpoint
