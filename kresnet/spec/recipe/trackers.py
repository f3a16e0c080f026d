"""Where a run can be watched, beside its own directory."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from kresnet.registry import Registry
from kresnet.spec.base import Flag, Name, Text
from kresnet.spec.kinds import NamedUnion


class Tracker(NamedUnion):
    """What shows a run elsewhere: its parameters, its metrics, its files. A name alone stands for its defaults."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.trackers")

    #: The extra of pyproject.toml that brings the packages it needs; empty for none.
    extra: ClassVar[str] = ""


@Tracker.register
class TensorBoardTracker(Tracker):
    """Event files in the run's `tensorboard/`, for TensorBoard: metrics by epoch, gradients by step."""

    kind: Literal["tensorboard"]


@Tracker.register
class MlflowTracker(Tracker):
    """A run of MLflow, with parameters, metrics by step, and files; wants `kresnet[mlflow]`."""

    extra: ClassVar[str] = "mlflow"

    kind: Literal["mlflow"]
    uri: Text | None = None
    """Tracking server, `http://HOST:PORT`, or folder; unless stated, what MLFLOW_TRACKING_URI says, or `mlruns/`."""
    experiment: Name = "kresnet"
    """The experiment that the run belongs to; it is made where there is none."""
    model: Flag = False
    """Whether the trained network, `model.keras`, is kept there as well."""


@Tracker.register
class WandbTracker(Tracker):
    """A run of Weights & Biases, with configuration, metrics by step, and files; wants `kresnet[wandb]`."""

    extra: ClassVar[str] = "wandb"

    kind: Literal["wandb"]
    project: Name = "kresnet"
    """The project that the run belongs to."""
    entity: Text | None = None
    """User or team; unless stated, the account's own."""
    mode: Literal["offline", "online"] = "offline"
    """`offline` writes into the run's `wandb/`, for `wandb sync`; `online` sends as well, and wants `wandb login`."""
    model: Flag = False
    """Whether the trained network, `model.keras`, is kept there as well."""
