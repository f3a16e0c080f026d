"""Each callback that Keras ships is either taken, or refused with what to use instead."""

from __future__ import annotations

import inspect
from pathlib import Path

import keras
import pytest

from kresnet.training.loop.stock_callbacks import REFUSED, refusal, resumption_problem

TAKEN = {"CSVLogger", "Callback", "CallbackList", "History", "LambdaCallback", "RemoteMonitor"}
ARGUMENTS = {
    "BackupAndRestore": ("backup",),
    "LearningRateScheduler": (lambda epoch, rate: rate,),
    "ModelCheckpoint": ("best.keras",),
    "OrbaxCheckpoint": ("checkpoints",),
}
STOCK = {
    name for name, kind in vars(keras.callbacks).items()
    if inspect.isclass(kind) and issubclass(kind, keras.callbacks.Callback)
}  # fmt: skip


def test_every_callback_of_keras_is_decided_on_and_in_the_documentation():
    assert TAKEN | REFUSED.keys() >= STOCK
    page = (Path(__file__).parents[3] / "docs" / "callbacks.md").read_text()
    assert not [name for name in TAKEN | REFUSED.keys() if f"`{name}`" not in page]


@pytest.mark.parametrize("name", sorted(REFUSED.keys() & STOCK - {"OrbaxCheckpoint"}))
def test_refused_ones_are_told_with_what_to_use_instead(name):
    kind = getattr(keras.callbacks, name)
    problem = refusal(kind(*ARGUMENTS.get(name, ())), "callbacks[0]")
    assert problem.message.startswith(f"{name} is not for kresnet's loop")
    assert problem.remedy
    mine = type("Mine", (kind,), {})(*ARGUMENTS.get(name, ()))
    assert refusal(mine, "callbacks[0]").message.startswith(f"Mine, a {name}, is not")


def test_a_csv_logger_may_not_begin_anew_within_a_run(tmp_path):
    path = str(tmp_path / "log.csv")
    assert refusal(keras.callbacks.CSVLogger(path), "") is None
    assert resumption_problem(keras.callbacks.CSVLogger(path, append=True), "") is None
    assert "begin" in resumption_problem(keras.callbacks.CSVLogger(path), "").message
