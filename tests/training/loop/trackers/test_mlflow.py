"""MLflow's own client reads what a run has told MLflow, in a folder and at a server."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from kresnet.runs.history_file import HistoryFile
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.recipe import MlflowTracker
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.trackers.mlflow import Mlflow
from kresnet.training.loop.trackers.run_tracker import TrackedRun
from tests.training.interrupted_runs import Killed
from tests.training.small_runs import vector_run

#: MLflow's own handlers of requests, without its pages.
_SERVER = """
import sys
from mlflow.server import app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of an MLflow server on loopback."""
    home = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = os.environ | {
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "_MLFLOW_SERVER_FILE_STORE": (home / "store").as_uri(),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    with (home / "log.txt").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", _SERVER, str(port)], env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/health").close()
                break
            assert process.poll() is None, (home / "log.txt").read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def client(uri):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def only_run(uri):
    """The one run of the experiment, by MLflow's client."""
    experiment = client(uri).get_experiment_by_name("small")
    (run,) = client(uri).search_runs([experiment.experiment_id])
    return run


def assert_shows(uri, directory):
    """The run that MLflow has is that of the directory: each epoch once, the parameters, the files."""
    run = only_run(uri)
    assert run.info.run_name == directory.path.name
    assert run.info.status == "FINISHED"
    assert run.data.params["optimizer.kind"] == "sgd"
    assert run.data.params["learning_rate.peak"] == "0.1"
    assert run.data.params["total_steps"] == "15"
    for split, name in (("train", "loss"), ("test", "accuracy")):
        points = client(uri).get_metric_history(run.info.run_id, f"{split}/{name}")
        assert [(point.step, point.value) for point in points] == [
            (line["step"], line[split][name]) for line in directory.history.epochs()
        ]
    files = {each.path for each in client(uri).list_artifacts(run.info.run_id)}
    assert files == {"spec.yaml", "recipe.yaml", "plan.json", "model.keras"}


def test_a_folder_is_a_place_too_and_the_run_in_it_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings = MlflowTracker(kind="mlflow", experiment="small")
    run = TrackedRun(tmp_path / "watched", {f"setting.{n}": n for n in range(130)}, 0, 0)
    tracker = Mlflow(settings)
    known = tracker.begin(run, {})
    assert known["uri"] == (tmp_path / "mlruns").as_uri()
    tracker.log({"train/loss": 0.5}, 4, 1)
    tracker.end(finished=False)
    monkeypatch.chdir("/")
    again = Mlflow(settings)
    assert again.begin(run, known) == known
    again.log({"train/loss": 0.25, "test/r2": float("nan")}, 8, 2)
    again.end(finished=True)
    shown = only_run(known["uri"])
    assert (shown.info.status, shown.data.params["setting.129"]) == ("FINISHED", "129")
    points = client(known["uri"]).get_metric_history(shown.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in points] == [(4, 0.5), (8, 0.25)]


def test_a_run_and_its_resumption_are_one_run(server, tmp_path, monkeypatch):
    uri = server
    run = vector_run(
        tmp_path, epochs=3, trackers=[{"kind": "mlflow", "uri": uri, "experiment": "small", "model": True}]
    )
    directory, append = RunDirectory(tmp_path / "watched"), HistoryFile.append

    def append_and_kill(self, line):
        if line["step"] == 15:
            raise Killed
        append(self, line)

    with monkeypatch.context() as patched:
        patched.setattr(HistoryFile, "append", append_and_kill)
        with pytest.raises(Killed):
            fit.start(directory, run, None, RunOutput())
    assert only_run(uri).info.status == "RUNNING"
    fit.resume(RunDirectory(directory.path), None, RunOutput())
    assert_shows(uri, directory)


def test_a_server_that_is_away_does_not_stop_a_run(tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        lines = []
        run = vector_run(tmp_path, trackers=[{"kind": "mlflow", "uri": uri}])
        directory = RunDirectory(tmp_path / "run")
        fit.start(directory, run, None, RunOutput(lines.append))
    assert directory.finished
    (told,) = [line for line in lines if "tracker" in line]
    assert told.startswith("The tracker mlflow fails, and training goes on without it: MlflowException: API request to")
