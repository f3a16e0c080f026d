"""The loop over steps and epochs: history, saves, and the moments where a run may stop."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.cores import usable_cores
from kresnet.data.input_cost import explain_waiting, measure_input_cost
from kresnet.data.pipeline import BatchSlice, training_batches
from kresnet.data.sources import DataSet
from kresnet.data.sources.balanced import balance_examples
from kresnet.data.splits import naming_unreadable_images
from kresnet.distributed.workers import Workers
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.probes.first_non_finite import NonFiniteProbe
from kresnet.probes.probe import Probe
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.training.loop.callback_state import split_arrays
from kresnet.training.loop.callbacks import Callbacks
from kresnet.training.loop.checkpoint_saver import CheckpointSaver
from kresnet.training.loop.input_wait import BatchClock
from kresnet.training.loop.monitors import Monitors
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.restoring import restore_newest_checkpoint
from kresnet.training.loop.run_state import RunState
from kresnet.training.loop.run_writer import RunWriter
from kresnet.training.loop.signals import StopRequested, StopSignals
from kresnet.training.loop.split_metrics import SplitMetrics
from kresnet.training.step.engine import Engine, Findings

#: One call to the device takes about this long, so that the display lives and a signal is heard.
SECONDS_PER_CALL = 0.5
#: Steps that waited for this share of an epoch, and trained for so many seconds of it, have it explained.
_LEAST_WAIT_EXPLAINED, _LEAST_SECONDS_EXPLAINED = 0.1, 3.0


class TrainingSession:
    """One process's part in a run, from its newest checkpoint to its end.

    Attributes:
        run: the resolved run that is trained.
        data: the images of all splits.
        engine: the engine that takes the steps.
        monitors: the probes that measure some steps from inside.
        workers: all processes of the run.
        writer: writer of the run's files, which writes in the chief only.
        output: what shows the user how the run goes.
        callbacks: what is called at the moments that Keras has names for.
        metrics: what measures the splits.
        state: how far the run is.
        test: metrics of the test images, where epochs are measured on validation images: measured once, at the end.
    """

    def __init__(
        self,
        run: ResolvedRun,
        data: DataSet,
        engine: Engine,
        monitors: Monitors,
        workers: Workers,
        writer: RunWriter,
        output: RunOutput,
        callbacks: Callbacks | None = None,
    ) -> None:
        self.run, self.data, self.engine, self.monitors = run, data, engine, monitors
        self.workers, self.writer, self.output = workers, writer, output
        self.callbacks = callbacks or Callbacks()
        self.batch_slice = BatchSlice(workers.rank, workers.count)
        checkpoints, schedule = run.recipe.checkpoints, run.steps
        self.store = CheckpointStore(writer.directory.checkpoints, checkpoints.keep_last)
        self.saver = CheckpointSaver(self.store if workers.chief else None, checkpoints, schedule)
        self.state = RunState(run)
        self.steps_per_call = 0  # 0 until the first call has compiled
        self.ending, self.save_due = False, False  # what all workers know to be wanted; see `_agree_on_steps`
        self.test: dict[str, float] | None = None
        self.waiting_explained = False
        self.metrics = SplitMetrics(data, schedule, engine, workers)

    @property
    def step(self) -> int:
        """Number of updates made."""
        return self.state.step

    def train(self, stop: StopSignals, pause_after: int | None = None) -> None:
        """Train to the end of the run, and then measure the test images; `state.line` is then the last epoch's.

        Args:
            stop: tells whether this process was asked to stop.
            pause_after: number of epochs after which to stop as if asked to.

        Raises:
            KresnetError: `diverged`, `interrupted` (the state is saved), `disk_full`, `image_unreadable`.
        """
        self._begin(stop)
        self.pause_after = pause_after
        self._pause_if_due()
        try:
            with naming_unreadable_images(*self.data.splits.values()):
                while not self.state.at_end:
                    end = self._next_event()
                    while self.step < end and (steps := self._agree_on_steps(end)):
                        self.callbacks.before_steps(self.step)
                        began = time.perf_counter()
                        if probe := self.monitors.due(self.step):
                            findings = self.engine.train_probed(self.batches, probe)
                            finite = self._finish_probed_step(probe, findings, began)
                        else:
                            self.engine.train(self.batches, tf.constant(steps, tf.int32))
                            finite = self._finish_steps(steps, began)
                        if not finite:
                            self._handle_non_finite_step()
                            break
                        self.callbacks.after_steps(self.step, self.engine.metrics)
                    self._handle_event()
                self.saver.finish()
                if self.data.validation:
                    self._measure_test_images()
        except KresnetError as error:
            raise self._resumable(error) from None
        finally:
            self.saver.close()

    def _resumable(self, error: KresnetError) -> KresnetError:
        """Return an error that passes, of a run with steps behind it, with the command that goes on with the run."""
        if error.problems[0].code != "data_unreachable" or not self.step:
            return error
        remedy = f"when it answers again: kresnet fit --resume {shell_word(self.writer.directory)}"
        return KresnetError(replace(problem, remedy=remedy) for problem in error.problems)

    def _begin(self, stop: StopSignals) -> None:
        """Take up the newest checkpoint, and make ready for the step after it."""
        self.stop = stop
        checkpoint = self._restore()
        progress = (self.state.epoch_steps, self.state.total_steps, self.step)
        self.callbacks.begin(self.engine.trainer, self.run.recipe.images_per_step, *progress)
        if checkpoint:
            self.callbacks.load(*checkpoint)
        self.progress = self.output.make_progress(self.state.total_steps, self.state.epoch_steps, self.step)
        self.writer.begin_progress(self.step)
        self.batches = self._batches()
        if self.state.guard.rolls_back and not checkpoint:
            self._save()

    def _batches(self) -> Iterator[Any]:
        """Return the batches of the steps from here to the end of the run, with a new clock."""
        recipe = self.run.recipe
        batches = training_batches(
            self.data.train,
            augment=recipe.augment,
            classes=len(self.data.class_names),
            batch_size=recipe.images_per_step,
            seed=recipe.seed,
            start_step=self.step,
            stop_step=self.state.total_steps,
            batch_slice=self.batch_slice,
            balance=balance_examples(recipe, self.data),
        )
        self.clock = BatchClock()
        return self.engine.distribute(self.clock.timed(batches, self.step))

    def _next_event(self) -> int:
        """Return after how many updates a save, a probe or the end of an epoch is due: now, if one is overdue."""
        if self.state.epoch_open:
            return self.step
        return int(min(self.saver.next_due_step(self.step), self.monitors.next_due(self.step)))

    def _handle_event(self) -> None:
        """End an epoch, save, or stop: what is due after `step` updates."""
        if self.state.epoch_open:
            with contextlib.suppress(StopRequested):  # the evaluation is done again by who continues
                self._end_epoch()
        if self.saver.due_at_step(self.step) or self.save_due or self.ending or self.state.stopped:
            self._save()
        if self.ending and not self.state.at_end:
            self.saver.finish()
            self.workers.all_gather("saved")  # no worker ends before the chief has written the state
            message = f"Stopped after step {self.step} of {self.state.total_steps}; the state is saved."
            raise make_error("interrupted", message, remedy=f"kresnet fit --resume {shell_word(self.writer.directory)}")

    def _agree_on_steps(self, end: int) -> int:
        """Return how many steps all workers take next, at most up to `end`, as many as fit into the time of a call.

        The chief's clock decides, up to the end of a callback's group of steps. It is none if that clock says that the
        state is to be saved, if any worker was asked to stop, or if a callback ends the run.
        """
        steps = min(max(self.steps_per_call, 1), end - self.step)
        of_callbacks = (self.callbacks.steps_left_in_group(self.step), self.callbacks.stop_training)
        proposals = self.workers.all_gather([self.stop.requested, steps, self.saver.due_by_clock(), *of_callbacks])
        requested, steps_of_workers, due, left_in_groups, stopped = zip(*proposals, strict=True)
        self.ending, self.save_due = any(requested), due[0]
        self.state.stopped = self.state.stopped or (self.step > 0 and any(stopped))
        steps = min(steps_of_workers[0], *filter(None, left_in_groups), end - self.step)
        return 0 if self.ending or self.save_due or self.state.stopped else steps

    def _raise_if_stopping(self) -> None:
        """Raise `StopRequested`, in all workers, if one was asked to stop."""
        self._agree_on_steps(self.step)
        if self.ending:
            raise StopRequested

    def _finish_steps(self, steps: int, began: float) -> bool:
        """Wait for steps of a call that began at `began`, and count them; tell whether all were finite."""
        planned = range(self.step, self.step + steps)
        taken, elapsed = self._count_steps(began)
        waited = self.clock.seconds_waited(planned, began, began + elapsed, buffered=self.engine.buffers_batches)
        self.state.throughput.add(elapsed, taken * self.run.recipe.images_per_step, waited)
        self.steps_per_call = max(1, round(steps * SECONDS_PER_CALL / elapsed)) if self.steps_per_call else 1
        return taken == steps

    def _finish_probed_step(self, probe: Probe, findings: Sequence[Findings], began: float) -> bool:
        """Count one step, and record what a probe measured in it; tell whether it was finite."""
        taken, _ = self._count_steps(began)
        if taken:
            self._record(self.monitors.record(self.step, probe, findings))
            self.monitors.require_norms(probe, findings)
        return taken == 1

    def _count_steps(self, began: float) -> tuple[int, float]:
        """Return how many steps a call has taken that began at `began`, and its seconds, once the device is done."""
        metrics, taken = self.engine.metrics(), self.engine.steps_taken()
        elapsed = time.perf_counter() - began
        self.state.step += taken
        self.state.seconds += elapsed
        rate = taken * self.run.recipe.images_per_step / elapsed
        self.progress.steps(self.step, metrics, rate)
        before = self.state.throughput.figures()  # of the epoch up to these steps
        pace = (before["images_per_second"] or rate, before["input_wait"])
        self.writer.write_progress(self.step, (self.state.total_steps, self.state.epoch_steps), metrics, pace)
        return taken, elapsed

    def _handle_non_finite_step(self) -> None:
        """Do what the recipe says about the next step, which is not finite and has changed nothing."""
        epoch, batch = divmod(self.step, self.state.epoch_steps)
        where = f"step {self.step + 1} of {self.state.total_steps} (epoch {epoch + 1}, batch {batch + 1})"
        before, probe = self.engine.state(), NonFiniteProbe(self.run.plan, self.monitors.network)
        findings = self.engine.measure(next(self._batches()), probe)
        self.engine.restore(before)
        sentence = f"In {where} {probe.describe(findings)}."
        self.state.guard.handle_non_finite_step(self.step, sentence)
        if self.state.guard.rolls_back:
            self._roll_back()
            rate = f"{self.state.guard.learning_rate_scale:g} of the learning rate"
            self.output.log(f"{sentence} Going back to step {self.step}, with {rate}.")
        else:
            self.output.log(f"{sentence} Leaving it out.")
            self.engine.skip_step()
            self.state.step += 1
            self.callbacks.after_steps(self.step, self.engine.metrics)
        self.batches = self._batches()

    def _roll_back(self) -> None:
        """Take up the last state that was due by its step, which no clock and no signal can change."""
        self.saver.finish()
        rollbacks = self.state.guard.rollbacks
        if self.workers.chief:
            self.store.drop_after(self.saver.last_due_step(self.step))
        if checkpoint := self._restore():
            self.callbacks.load(*checkpoint)
        self.callbacks.rolled_back(self.step)
        self.state.guard.rollbacks = rollbacks
        self.engine.scale_learning_rate(self.state.guard.learning_rate_scale)

    def _end_epoch(self) -> None:
        """Evaluate, and write down how the epoch went; `StopRequested` is raised before anything is changed."""
        with self.callbacks.evaluation(self.data.selection_name) as told:
            measured = self.metrics.after_epoch(self.step, self._raise_if_stopping)
            told.update(measured)
        train = self.engine.metrics()
        self.engine.reset_metrics()
        self.state.line = {
            "epoch": self.state.epoch,
            "step": self.step,
            "train": train,
            self.data.selection_name: measured,
            "learning_rate": self.engine.learning_rate(),
            **self.state.throughput.figures(),
            "seconds": self.state.seconds,
        }
        waiting = self._explain_waiting()
        self.state.throughput.reset()
        self._record(self.state.line)
        named = (metric.name for metric in self.run.steps.epoch_metrics)
        shown = (*self.run.steps.objective.metrics, *named)
        metrics = {name: measured[name] for name in shown if name in measured}
        self.progress.epoch(self.state.line | {self.data.selection_name: metrics})
        if waiting:
            self.output.log(waiting)
        self._keep_best()
        if self.state.stopping and self.state.stopping.observe(self.step, measured):
            self.output.log(self.state.stopping.sentence())
        self.callbacks.epoch_end(self.state.line)
        self.state.stopped = self.state.stopped or any(self.workers.all_gather(self.callbacks.stop_training))
        self._pause_if_due()

    def _pause_if_due(self) -> None:
        """Ask this process to stop where the epochs are done after which it is to pause."""
        if self.pause_after is not None and self.state.epochs_ended >= self.pause_after and not self.state.at_end:
            self.stop.requested = True

    def _explain_waiting(self) -> str:
        """Return why the epoch's steps waited for images, once a run; nothing where they hardly did."""
        seconds, waited = self.state.throughput.sums()[0], self.state.line["input_wait"]
        if self.waiting_explained or seconds < _LEAST_SECONDS_EXPLAINED or waited < _LEAST_WAIT_EXPLAINED:
            return ""
        self.waiting_explained = True
        split, rate = self.data.train, self.state.line["images_per_second"] / self.workers.count
        return explain_waiting(measure_input_cost(split), split.input, waited, rate, len(usable_cores()))

    def _measure_test_images(self) -> None:
        """Measure the trained network on the test images, which nothing before has looked at."""
        try:
            with self.callbacks.evaluation("test") as told:
                self.test = self.metrics.test(self._raise_if_stopping)
                told.update(self.test)
        except StopRequested:
            message = "Stopped before the test images were measured; the state is saved."
            remedy = f"kresnet fit --resume {shell_word(self.writer.directory)}"
            raise make_error("interrupted", message, remedy=remedy) from None
        self.callbacks.measured({"step": self.step, "epoch": self.state.line["epoch"], "test": self.test})

    def _record(self, line: dict[str, Any]) -> None:
        """Add a line to the history, and have it shown where the run is watched."""
        self.writer.append_history(line)
        self.callbacks.measured(line)

    def _keep_best(self) -> None:
        """Write the network if it is the best so far, by the recipe's metric."""
        wanted = self.run.recipe.checkpoints.keep_best
        if wanted is None:
            return
        value = self.state.line[self.data.selection_name][wanted.metric.name]
        if math.isfinite(value) and (self.state.best is None or wanted.is_better(value, self.state.best["value"])):
            where = {"step": self.step, "epoch": self.state.line["epoch"], "split": self.data.selection_name}
            self.state.best = where | {"metric": wanted.metric.name, "value": value}
            trainer = self.engine.trainer
            best_model = self.writer.directory.best_model
            self.writer.write_model(best_model, trainer.evaluated_network, trainer.activation_ranges)

    def _save(self) -> None:
        self.writer.require_lock()
        facts = self.state.facts()
        arrays: dict[str, np.ndarray] = {}
        if states := self.callbacks.state(arrays):
            facts["callbacks"] = states
        keep = {self.saver.last_due_step(self.step)} if self.state.guard.rolls_back else set()
        self.saver.save(self.engine, self.step, facts, keep, arrays)
        self.save_due = False

    def _restore(self) -> tuple[list[dict[str, Any]], Mapping[str, np.ndarray]] | None:
        """Go on from the newest valid checkpoint, every worker from what the chief has.

        Returns:
            The state of callbacks that it has, and the arrays of that; None where there is no checkpoint.
        """
        where = (self.engine, self.store, self.writer.directory)
        checkpoint = restore_newest_checkpoint(*where, self.output.log) if self.workers.chief else None
        arrays: Mapping[str, np.ndarray] = split_arrays(checkpoint.arrays)[1] if checkpoint else {}
        restored = self.workers.all_gather((checkpoint.step, dict(checkpoint.facts)) if checkpoint else None)[0]
        if restored:
            self.state.restore(*restored)
            self.saver.continue_from(*restored)
            self.output.log(f"Continuing after step {self.step} of {self.state.total_steps}.")
        if self.workers.count > 1:
            self.engine.restore(self.workers.broadcast(self.engine.state()))
            arrays = self.workers.broadcast(arrays)
        self.writer.drop_after(self.step, self.state.epochs_ended)
        return (restored[1].get("callbacks", []), arrays) if restored else None
