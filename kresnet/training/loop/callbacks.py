"""Keras's callbacks in kresnet's loop: when each hook is called, what it is told, and what a checkpoint keeps of it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from kresnet.errors import KresnetError, make_error
from kresnet.training.loop.callback_state import pack, unpack
from kresnet.training.loop.stock_callbacks import refusal, resumption_problem
from kresnet.training.step.trainer import Trainer

#: What `fit` and `resume` take.
OneOrMoreCallbacks: TypeAlias = keras.callbacks.Callback | Sequence[keras.callbacks.Callback]

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_UNCALLED_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


def accepted_callbacks(callbacks: OneOrMoreCallbacks, *, resuming: bool = False) -> list[keras.callbacks.Callback]:
    """Return callbacks as a list, those of a `CallbackList` one by one.

    Args:
        callbacks: one callback, or any number of them.
        resuming: whether the run was begun before.

    Raises:
        KresnetError: `bad_option`, for everything that a run does not take, with what to use instead.
    """
    given = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks or ())
    lists = (one.callbacks if isinstance(one, keras.callbacks.CallbackList) else [one] for one in given)
    listed = [each for several in lists for each in several]
    problems = []
    for index, callback in enumerate(listed):
        where = f"callbacks[{index}]"
        problem = refusal(callback, where) or (resumption_problem(callback, where) if resuming else None)
        problems += [problem] if problem else []
    if problems:
        raise KresnetError(problems)
    return listed


class Callbacks:
    """The callbacks of one process's part in a run. Without any, every method returns at once.

    The workers that are not the chief call those alone whose attribute `every_worker` is true.

    Batch hooks are called for groups of steps. A group is as many steps as the callback's attribute
    `steps_per_execution` says, 1 by default, counted from the beginning of an epoch and cut short by its end; so groups
    are the same however often the run is interrupted.

    Args:
        callbacks: what `accepted_callbacks` returned.
        trackers: callbacks of the run's own, of which no checkpoint keeps anything.
        chief: whether this process is the only one, or the first of several.
        log: told what the user should know.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        *,
        trackers: Sequence[keras.callbacks.Callback] = (),
        chief: bool = True,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._users = [each for each in callbacks if chief or getattr(each, "every_worker", False)]
        self._all = [*trackers, *self._users]
        self._log = log
        self._periods = [
            (each, int(getattr(each, "steps_per_execution", 1))) for each in self._all if _has_groups(each)
        ]
        self._network: keras.Model | None = None
        self._epoch_steps = self._total_steps = 0

    @property
    def stop_training(self) -> bool:
        """Whether a callback has set `model.stop_training`."""
        return self._network is not None and bool(self._network.stop_training)

    def begin(self, trainer: Trainer, batch_size: int, epoch_steps: int, total_steps: int, step: int) -> None:
        """Begin training, or go on with it: then the hooks of the epoch and the group under way are called again.

        Args:
            trainer: has the network that is trained, `model` of every callback.
            batch_size: images a step.
            epoch_steps: number of steps of an epoch.
            total_steps: number of steps of the run.
            step: number of updates made.
        """
        self._epoch_steps, self._total_steps = epoch_steps, total_steps
        if not self._all:
            return
        self._network = trainer.network
        self._network.stop_training = False
        params = {"epochs": -(-total_steps // epoch_steps), "steps": epoch_steps, "batch_size": batch_size}
        for each in self._all:
            each.set_params({**params, "step": step, "verbose": 0})
            each.set_model(self._network)
            for name in _UNCALLED_HOOKS:
                if not _is_default(each, name):
                    self._log(f"{type(each).__name__}.{name} is not called: an evaluation is one group of batches.")
        self._call_all("on_train_begin", {})
        epoch, batch = divmod(step, epoch_steps)
        if batch and step < total_steps:
            self._call_all("on_epoch_begin", epoch, {})
            for each, period in self._periods:
                if batch % period:
                    self._call(each, "on_train_batch_begin", batch - batch % period, {})

    def steps_left_in_group(self, step: int) -> int | None:
        """Return after how many steps the next group of any callback ends; None where that does not matter."""
        batch = step % self._epoch_steps if self._epoch_steps else 0
        return min((period - batch % period for _, period in self._periods), default=None)

    def before_steps(self, step: int) -> None:
        """Call what is due before the update after `step` of them: an epoch or a group may begin with it."""
        if not self._all:
            return
        epoch, batch = divmod(step, self._epoch_steps)
        if not batch:
            self._call_all("on_epoch_begin", epoch, {})
        for each, period in self._periods:
            if batch % period == 0:
                self._call(each, "on_train_batch_begin", batch, {})

    def after_steps(self, step: int, metrics: Callable[[], Mapping[str, float]]) -> None:
        """Call the hooks of groups that have ended with update number `step`.

        Args:
            step: number of updates made.
            metrics: returns the means of the epoch so far.
        """
        batch = (step - 1) % self._epoch_steps if self._periods else 0
        last = step % max(self._epoch_steps, 1) == 0 or step == self._total_steps
        ended = [each for each, period in self._periods if (batch + 1) % period == 0 or last]
        if ended:
            logs = dict(metrics())
            for each in ended:
                self._call(each, "on_train_batch_end", batch, logs)

    def epoch_end(self, line: Mapping[str, Any]) -> None:
        """Call `on_epoch_end` with the metrics of an epoch's line of history, named as Keras names them."""
        if self._all:
            self._call_all("on_epoch_end", line["epoch"] - 1, epoch_logs(line))

    @contextlib.contextmanager
    def evaluation(self, split: str) -> Iterator[dict[str, float]]:
        """Return a context for the evaluation of a split: `on_test_begin`, and `on_test_end` with what was measured.

        An evaluation that is not ended is done again by who continues: what it did to the state of callbacks is
        taken back.

        Yields:
            A mapping to put the metrics into.
        """
        measured: dict[str, float] = {}
        if not self._all:
            yield measured
            return
        arrays: dict[str, np.ndarray] = {}
        before = self.state(arrays)
        self._call_all("on_test_begin", {})
        try:
            yield measured
        except BaseException:
            self.load(before, arrays)
            raise
        self._call_all("on_test_end", _prefixed(split, measured))

    def train_end(self, result: Mapping[str, Any]) -> None:
        """Call `on_train_end` with the metrics of a run's result."""
        if self._all:
            self._call_all("on_train_end", epoch_logs(result))

    def measured(self, line: Mapping[str, Any]) -> None:
        """Call `on_measured`, where a callback has it, with a line of the history, or that of the test at the end."""
        for each in self._having("on_measured"):
            self._call(each, "on_measured", dict(line))

    def rolled_back(self, step: int) -> None:
        """Call `on_rolled_back`, where a callback has it, with the step from which the run goes on."""
        for each in self._having("on_rolled_back"):
            self._call(each, "on_rolled_back", step)

    @contextlib.contextmanager
    def told_of_failure(self) -> Iterator[None]:
        """Return a context: where an error leaves it, `on_train_interrupted` is called with its text."""
        try:
            yield
        except Exception as error:
            for each in self._having("on_train_interrupted"):
                try:
                    each.on_train_interrupted(str(error))
                except Exception as other:
                    self._log(str(_failure(each, "on_train_interrupted", other)))
            raise

    def state(self, arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        """Return the names of the callbacks with their state as JSON, whose arrays are put into `arrays`."""
        states = []
        for name, each in self._named():
            entry: dict[str, Any] = {"name": name}
            if hasattr(each, "state_dict"):
                state = self._call(each, "state_dict")
                with _telling(each, "state_dict"):
                    entry["state"] = pack(state, name, arrays)
            states.append(entry)
        return states

    def load(self, states: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
        """Give callbacks the state that a checkpoint has of them, by their names; tell what has changed.

        Args:
            states: what `state` returned.
            arrays: the arrays that belong to them.
        """
        present, saved = dict(self._named()), {each["name"]: each for each in states}
        if [*present] != [*saved]:
            before, now = (", ".join(names) or "no callbacks" for names in (saved, present))
            lost = [name for name, each in saved.items() if name not in present and "state" in each]
            new = [name for name, each in present.items() if name not in saved and hasattr(each, "state_dict")]
            self._log(
                f"The state was saved with {before}; the run goes on with {now}."
                + (f" What {', '.join(lost)} kept is lost." if lost else "")
                + (f" {', '.join(new)} begin{'s' if len(new) == 1 else ''} anew." if new else "")
            )
        for name, each in present.items():
            if "state" in saved.get(name, {}) and hasattr(each, "load_state_dict"):
                self._call(each, "load_state_dict", unpack(saved[name]["state"], arrays))

    def _named(self) -> Iterator[tuple[str, keras.callbacks.Callback]]:
        """Yield each callback with its name: that of its class, with a number behind the second and those after it."""
        count: Counter[str] = Counter()
        for each in self._users:
            name = type(each).__qualname__
            count[name] += 1
            yield (f"{name}#{count[name]}" if count[name] > 1 else name), each

    def _having(self, hook: str) -> list[keras.callbacks.Callback]:
        return [each for each in self._all if hasattr(each, hook)]

    def _call_all(self, hook: str, *arguments: Any) -> None:
        for each in self._all:
            self._call(each, hook, *arguments)

    @staticmethod
    def _call(callback: keras.callbacks.Callback, hook: str, *arguments: Any) -> Any:
        with _telling(callback, hook):
            return getattr(callback, hook)(*arguments)


def epoch_logs(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a line of history, or of a result, as Keras names them: `loss`, `val_loss`, `test_loss`."""
    logs = dict(line.get("train", {}))
    for split in ("validation", "test"):
        logs |= _prefixed(split, line.get(split, {}))
    return logs | ({"learning_rate": line["learning_rate"]} if "learning_rate" in line else {})


def _prefixed(split: str, metrics: Mapping[str, float]) -> dict[str, float]:
    prefix = "val" if split == "validation" else split
    return {f"{prefix}_{name}": value for name, value in metrics.items()}


def _has_groups(callback: keras.callbacks.Callback) -> bool:
    return any(not _is_default(callback, name) for name in _BATCH_HOOKS)


def _is_default(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Tell whether a hook is the one that Keras's base class has, which does nothing."""
    return getattr(getattr(callback, hook), "__func__", None) is getattr(keras.callbacks.Callback, hook)


@contextlib.contextmanager
def _telling(callback: keras.callbacks.Callback, hook: str) -> Iterator[None]:
    """Name the callback and its hook in whatever an error in it says; what kresnet itself raised passes."""
    try:
        yield
    except KresnetError:
        raise
    except Exception as error:
        raise _failure(callback, hook, error) from error


def _failure(callback: keras.callbacks.Callback, hook: str, error: Exception) -> KresnetError:
    message = f"{hook} of the callback {type(callback).__qualname__} raised {type(error).__name__}: {error}"
    remedy = "mend it, then kresnet.resume(RUN, callbacks=[...]), which goes on from the last state that was saved"
    return make_error("callback_failed", message, remedy=remedy)


__all__ = ["Callbacks", "OneOrMoreCallbacks", "accepted_callbacks", "epoch_logs"]
