"""A run of Weights & Biases, offline in the run's directory, or sent as well."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kresnet.spec.recipe.trackers import WandbTracker
from kresnet.training.loop.trackers.run_tracker import RunTracker, TrackedRun

#: Seconds after which a server that does not answer is given up on.
_PATIENCE = 20


class Wandb(RunTracker):
    """A run of Weights & Biases that is continued under the same name by who resumes the run."""

    def __init__(self, settings: WandbTracker) -> None:
        self._settings = settings

    def begin(self, run: TrackedRun, known: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a run, or go on with the one that is known: with its name, in a file of its own where it is offline."""
        import wandb

        number, settings = known.get("id") or uuid.uuid4().hex[:8], self._settings
        (run.directory / "wandb").mkdir(exist_ok=True)
        self._run = wandb.init(
            project=settings.project,
            entity=settings.entity,
            mode=settings.mode,
            id=number,
            name=run.name,
            dir=str(run.directory),
            config=dict(run.parameters),
            resume="allow" if settings.mode == "online" else None,
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", init_timeout=_PATIENCE, login_timeout=5, save_code=False,
                disable_code=True, disable_git=True, x_disable_meta=True, x_disable_stats=True,
            ),
        )  # fmt: skip
        self._run.define_metric("*", step_metric="step")
        return {"id": number, "project": settings.project}

    def log(self, metrics: Mapping[str, float], step: int, epoch: int | None) -> None:
        """Log metrics, and with them `step`, which is their axis, and `epoch`."""
        self._run.log({**metrics, "step": step, **({"epoch": epoch} if epoch is not None else {})})

    def add_file(self, path: Path) -> None:
        """Keep a copy of a file with the run; a link would not outlive a run that is moved."""
        copy = shutil.copy(path, self._run.dir)
        self._run.save(str(copy), base_path=self._run.dir, policy="now")

    def end(self, *, finished: bool) -> None:
        """Close the run; one that may be continued is marked as failed until then."""
        self._run.finish(exit_code=0 if finished else 1)


__all__ = ["Wandb"]
