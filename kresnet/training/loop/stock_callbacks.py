"""Keras's own callbacks that a run refuses, since a setting of the recipe does the same and is exact to resume."""

from __future__ import annotations

from typing import Any

import keras

from kresnet.errors import Problem

#: Name in `keras.callbacks` -> what it would break, and what to use instead.
REFUSED = {
    "BackupAndRestore": (
        "every run saves its whole state, and is resumed from it",
        "kresnet.resume(RUN); --set recipe.checkpoints.save_every_steps=500",
    ),
    "EarlyStopping": (
        "it forgets at a resumption how long it has waited",
        "--set 'recipe.early_stopping={metric: loss, patience_epochs: 5}'",
    ),
    "LearningRateScheduler": (
        "the learning rate is a function of the step, which a resumed run takes up",
        "--set 'recipe.schedule={kind: cosine}'; kresnet.extensions.register_schedule, for a schedule of your own",
    ),
    "ModelCheckpoint": (
        "a run keeps its newest state and its best network by itself",
        "--set recipe.checkpoints.keep_best.metric=accuracy; kresnet.open_run(RUN).model(best=True)",
    ),
    "OrbaxCheckpoint": (
        "a run keeps its newest state and its best network by itself",
        "--set recipe.checkpoints.keep_best.metric=accuracy; kresnet.open_run(RUN).model(best=True)",
    ),
    "ProgbarLogger": ("a run shows its progress by itself", "progress=True, or False to see none"),
    "ReduceLROnPlateau": (
        "the learning rate is a function of the step, which a resumed run takes up",
        "--set 'recipe.schedule={kind: multi_step, at_epochs: [30, 60]}'",
    ),
    "SwapEMAWeights": ("the average of weights is part of the recipe", "--set recipe.ema.decay=0.999"),
    "TensorBoard": ("it would write what the run's own tracker writes", "--set 'recipe.trackers=[tensorboard]'"),
    "TerminateOnNaN": (
        "no step whose loss or gradients are not finite changes anything, and the recipe says what follows",
        "--set recipe.non_finite.kind=stop",
    ),
}


def refusal(callback: Any, where: str) -> Problem | None:
    """Return why a run refuses a callback; None if it takes it.

    Args:
        callback: what was passed as one.
        where: its place among the arguments, such as `callbacks[0]`.
    """
    if not isinstance(callback, keras.callbacks.Callback):
        is_class = isinstance(callback, type) and issubclass(callback, keras.callbacks.Callback)
        found = f"the class {callback.__name__}" if is_class else f"{callback!r:.80}, of type {type(callback).__name__}"
        return Problem("bad_option", f"{where} is no callback.", expected="an instance of keras.callbacks.Callback",
                       found=found, remedy=f"{callback.__name__}()" if is_class else "subclass it")  # fmt: skip
    for name, (reason, remedy) in REFUSED.items():
        kind = getattr(keras.callbacks, name, None)  # not every version of Keras has them all
        if kind and isinstance(callback, kind):
            named = name if type(callback) is kind else f"{type(callback).__name__}, a {name},"
            return Problem("bad_option", f"{named} is not for kresnet's loop: {reason}.", path=where, remedy=remedy)
    return None


def resumption_problem(callback: Any, where: str) -> Problem | None:
    """Return why a callback cannot take part in a run that is continued; None if it can."""
    if isinstance(callback, keras.callbacks.CSVLogger) and not callback.append:
        message = f"CSVLogger would begin {callback.filename} anew, and lose the epochs before."
        return Problem("bad_option", message, path=where, remedy="keras.callbacks.CSVLogger(FILE, append=True)")
    return None


__all__ = ["REFUSED", "refusal", "resumption_problem"]
