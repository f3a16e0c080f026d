"""A run of MLflow, in a folder or at a server."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kresnet.spec.recipe.trackers import MlflowTracker
from kresnet.training.loop.trackers.run_tracker import RunTracker, TrackedRun

#: Set before MLflow is imported, unless the user has: a server that is away is given up on soon, a folder is a valid
#: place, and nobody else is told of the run.
_ENVIRONMENT = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
#: MLflow's own bounds: parameters in one call, and characters of one.
_PARAMETERS_A_CALL, _PARAMETER_CHARACTERS = 100, 500


class Mlflow(RunTracker):
    """A run of MLflow that is continued under the same name by who resumes the run."""

    def __init__(self, settings: MlflowTracker) -> None:
        self._settings = settings

    def begin(self, run: TrackedRun, known: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a run with the parameters, or mark the one that is known as running."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient
        from mlflow.entities import Param

        uri = self._settings.uri or known.get("uri") or os.environ.get("MLFLOW_TRACKING_URI") or "mlruns"
        uri = uri if "://" in uri or uri.startswith(("file:", "sqlite:")) else Path(uri).absolute().as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        if known.get("uri") == uri:
            self._run = str(known["run_id"])
            self._client.update_run(self._run, status="RUNNING")
            return dict(known)
        experiment = self._client.get_experiment_by_name(self._settings.experiment)
        number = experiment.experiment_id if experiment else self._client.create_experiment(self._settings.experiment)
        self._run = self._client.create_run(number, run_name=run.name).info.run_id
        parameters = (Param(name, str(value)[:_PARAMETER_CHARACTERS]) for name, value in run.parameters.items())
        while some := list(itertools.islice(parameters, _PARAMETERS_A_CALL)):
            self._client.log_batch(self._run, params=some)
        return {"uri": uri, "run_id": self._run}

    def log(self, metrics: Mapping[str, float], step: int, epoch: int | None) -> None:
        """Log metrics at their step, in one call; `epoch` is one of them."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        named = {**metrics, **({"epoch": float(epoch)} if epoch is not None else {})}
        self._client.log_batch(self._run, metrics=[Metric(name, value, now, step) for name, value in named.items()])

    def add_file(self, path: Path) -> None:
        """Log a file as an artifact."""
        self._client.log_artifact(self._run, str(path))

    def end(self, *, finished: bool) -> None:
        """Say whether the run is finished."""
        self._client.set_terminated(self._run, "FINISHED" if finished else "KILLED")


__all__ = ["Mlflow"]
