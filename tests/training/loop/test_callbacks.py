"""Keras's callbacks in a run: which hook is called when, with what, and what an interrupted run keeps of them."""

from __future__ import annotations

import contextlib
import csv
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.runs.failure_record import recorded_failure
from kresnet.runs.run_directory import RunDirectory
from kresnet.training import fit
from kresnet.training.loop.callbacks import Callbacks, accepted_callbacks, epoch_logs
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.session import TrainingSession
from tests.training.interrupted_runs import Killed, assert_same_run, weights
from tests.training.small_runs import vector_run


class Recorder(keras.callbacks.Callback):
    """Notes every hook that is called."""

    steps_per_execution = 2

    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("train begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} begin")

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(f"batch {batch} begin")

    def on_train_batch_end(self, batch, logs=None):
        assert logs["loss"] > 0
        self.calls.append(f"batch {batch} end")

    def on_test_begin(self, logs=None):
        self.calls.append("test begin")

    def on_test_end(self, logs=None):
        self.calls.append(f"test end {sorted(logs)[-1]}")

    def on_epoch_end(self, epoch, logs=None):
        self.logs = logs
        self.calls.append(f"epoch {epoch} end")

    def on_train_end(self, logs=None):
        self.calls.append("train end")


class MeanWeights(keras.callbacks.Callback):
    """Keeps a mean of the weights over the epochs, and pulls the weights halfway there: a state that matters."""

    def __init__(self):
        super().__init__()
        self.count, self.means, self.lowest = 0, None, float("inf")

    def on_epoch_end(self, epoch, logs=None):
        present = self.model.get_weights()
        self.count += 1
        self.lowest = min(self.lowest, logs["loss"])
        pairs = list(zip(present, self.means or present, strict=True))
        self.means = [mean + (weight - mean) / self.count for weight, mean in pairs]
        self.model.set_weights([(weight + mean) / 2 for weight, mean in pairs])

    def state_dict(self):
        return {"count": self.count, "means": self.means, "lowest": self.lowest}

    def load_state_dict(self, state):
        self.count, self.means, self.lowest = state["count"], state["means"], state["lowest"]


class Raising(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise ZeroDivisionError("no epochs like this")


def train(directory, run, *callbacks, log=lambda line: None):
    return fit.start(directory, run, None, RunOutput(log), accepted_callbacks(list(callbacks)))


def resume(directory, *callbacks, log=lambda line: None):
    accepted = accepted_callbacks(list(callbacks), resuming=True)
    return fit.resume(RunDirectory(directory.path), None, RunOutput(log), accepted)


def test_hooks_are_called_in_the_order_of_keras(tmp_path):
    recorder, keras_fit, pairs, straight = Recorder(), Recorder(), Recorder(), []
    recorder.steps_per_execution = 1
    recorder_of_lambda = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: straight.append(epoch))
    train(RunDirectory(tmp_path / "run"), vector_run(tmp_path), recorder, pairs, recorder_of_lambda)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    model.compile(loss="mse")
    ours, theirs = recorder.calls, keras_fit.calls
    model.fit(np.ones((40, 3)), np.ones((40, 3)), batch_size=8, epochs=2, verbose=0, callbacks=[keras_fit],
              validation_data=(np.ones((8, 3)), np.ones((8, 3))))  # fmt: skip
    without_tests = [[call for call in calls if "test" not in call] for calls in (ours, theirs)]
    assert without_tests[0] == without_tests[1]
    assert [call for call in ours if "test" in call] == ["test begin", "test end test_macro_recall"] * 2
    assert recorder.logs.keys() >= {"loss", "accuracy", "test_loss", "test_accuracy", "learning_rate"}
    assert straight == [0, 1]
    groups = [call for call in pairs.calls if "batch" in call][:6]
    assert groups == [f"batch {batch}" for batch in ("0 begin", "1 end", "2 begin", "3 end", "4 begin", "4 end")]
    assert recorder.params == {"epochs": 2, "steps": 5, "batch_size": 8, "step": 0, "verbose": 0}


def test_without_callbacks_and_with_ones_that_only_look_a_run_is_the_same(tmp_path):
    plain, watched = RunDirectory(tmp_path / "plain"), RunDirectory(tmp_path / "watched")
    run = vector_run(tmp_path, deterministic=True)
    train(plain, run)
    train(watched, run, Recorder(), keras.callbacks.History())
    for one, other in zip(weights(plain.model), weights(watched.model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_state_comes_back_and_the_run_ends_with_the_same_bits(tmp_path, monkeypatch):
    run = vector_run(tmp_path, deterministic=True, checkpoints={"save_every_steps": 8})
    whole, many = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "many")
    train(whole, run, MeanWeights(), Recorder())
    save, attempts, last = TrainingSession._save, 0, None

    def save_and_kill(self):
        before = self.saver.saves
        save(self)
        self.saver.finish()
        if self.saver.saves > before:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(TrainingSession, "_save", save_and_kill)
        while many.newest_step() < 10:
            attempts += 1
            with pytest.raises(Killed):
                resume(many, MeanWeights(), Recorder()) if many.path.exists() else train(
                    many, run, MeanWeights(), Recorder()
                )
    last = MeanWeights()
    resume(many, last, Recorder())
    assert attempts == 3  # saved after 5, 8 and 10 steps
    assert last.count == 2
    assert_same_run(whole, many)


def test_one_that_raises_is_named_and_the_run_goes_on_without_it_and_tells_so(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    seen, lines = [], []
    other = keras.callbacks.Callback()
    other.on_train_interrupted = seen.append
    with pytest.raises(KresnetError) as caught:
        train(directory, vector_run(tmp_path, epochs=3), Raising(), other, MeanWeights())
    (problem,) = caught.value.problems
    assert problem.code == "callback_failed"
    assert problem.message == "on_epoch_end of the callback Raising raised ZeroDivisionError: no epochs like this"
    assert len(seen) == 1
    assert recorded_failure(directory)["code"] == "callback_failed"
    assert directory.newest_step() == 5
    assert resume(directory, Recorder(), log=lines.append)["steps"] == 15
    before = "The state was saved with Raising, Callback, MeanWeights"
    assert f"{before}; the run goes on with Recorder. What MeanWeights kept is lost." in lines
    assert [line["step"] for line in directory.history.epochs()] == [5, 10, 15]


def test_one_that_raises_before_the_first_step_leaves_no_run(tmp_path):
    broken = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: 1 / 0)
    with pytest.raises(KresnetError, match="on_train_begin of the callback LambdaCallback raised ZeroDivisionError"):
        train(RunDirectory(tmp_path / "run"), vector_run(tmp_path), broken)
    assert not (tmp_path / "run").exists()


def test_a_state_that_cannot_be_kept_is_named(tmp_path):
    callback = keras.callbacks.Callback()
    callback.state_dict = lambda: {"model": object()}
    with pytest.raises(KresnetError, match="Callback/model is of type object; a state is made of mappings"):
        train(RunDirectory(tmp_path / "run"), vector_run(tmp_path), callback)


class StopAt(keras.callbacks.Callback):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.batch:
            self.model.stop_training = True


def test_stop_training_ends_the_run_where_it_is_with_an_evaluation(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    result = train(directory, vector_run(tmp_path, epochs=3), StopAt(2), recorder := Recorder())
    assert (result["steps"], result["epochs"]) == (3, 0.6)
    assert [(line["step"], line["epoch"]) for line in directory.history.epochs()] == [(3, 1)]
    assert recorder.calls[-1] == "train end"
    assert directory.finished
    longer = fit.resume(RunDirectory(directory.path), None, RunOutput(), length=("epochs", 2), allow_changed=True)
    assert longer["steps"] == 10
    assert [(line["step"], line["epoch"]) for line in directory.history.epochs()] == [(5, 1), (10, 2)]


def test_a_run_that_was_stopped_and_killed_before_its_result_is_finished_by_who_resumes(tmp_path, monkeypatch):
    directory = RunDirectory(tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(fit, "finish", lambda session: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            train(directory, vector_run(tmp_path, epochs=3), StopAt(2))
    assert resume(directory, StopAt(2))["steps"] == 3
    assert [line["step"] for line in directory.history.epochs()] == [3]


def test_keras_s_own_csv_logger_writes_what_the_history_has(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    train(directory, vector_run(tmp_path), keras.callbacks.CSVLogger(str(tmp_path / "log.csv")))
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [(int(row["epoch"]) + 1, float(row["test_loss"])) for row in rows] == [
        (line["epoch"], line["test"]["loss"]) for line in directory.history.epochs()
    ]


def test_an_interrupted_evaluation_leaves_no_trace_in_the_state():
    counting = keras.callbacks.Callback()
    counting.begun = 0
    counting.on_test_begin = lambda logs: setattr(counting, "begun", counting.begun + 1)
    counting.state_dict = lambda: {"begun": counting.begun}
    counting.load_state_dict = lambda state: setattr(counting, "begun", state["begun"])
    callbacks = Callbacks([counting])
    with contextlib.suppress(KeyboardInterrupt), callbacks.evaluation("test"):
        assert counting.begun == 1
        raise KeyboardInterrupt
    assert counting.begun == 0


def test_other_workers_call_those_that_are_for_every_worker():
    everywhere, chiefs = keras.callbacks.Callback(), keras.callbacks.Callback()
    everywhere.every_worker = True
    begun = []
    for name, each in (("everywhere", everywhere), ("chief", chiefs)):
        each.on_train_begin = lambda logs, name=name: begun.append(name)
    trainer = SimpleNamespace(network=SimpleNamespace())
    for chief in (True, False):
        Callbacks([everywhere, chiefs], chief=chief).begin(trainer, 8, 5, 10, 0)
    assert begun == ["everywhere", "chief", "everywhere"]


def test_what_is_no_callback_is_refused_all_at_once():
    with pytest.raises(KresnetError) as caught:
        accepted_callbacks([print, Recorder, keras.callbacks.EarlyStopping(), Recorder()])
    assert [problem.code for problem in caught.value.problems] == ["bad_option"] * 3


def test_logs_are_named_as_keras_names_them():
    line = {"epoch": 1, "train": {"loss": 1.0}, "validation": {"loss": 2.0}, "learning_rate": 0.1}
    assert epoch_logs(line) == {"loss": 1.0, "val_loss": 2.0, "learning_rate": 0.1}
