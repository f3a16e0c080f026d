"""The directory of a training run: its files, how they are read, and how they are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import read_lines, refuse_existing, staged_directory, translate_os_errors, write_json, write_text
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.config_drift import ConfigChange
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.spec.architecture import Spec
from kresnet.spec.document import dump, read_document
from kresnet.spec.loading import LoadedDocument
from kresnet.spec.recipe import Recipe
from kresnet.spec.validation import validate
from kresnet.weights.transfer import Transfer


class RunDirectory:
    """The directory of one training run.

    It holds `spec.yaml` and `recipe.yaml` (resolved), `plan.json`, `data.json`, `environment.json`, and `origin.json`:
    what the documents said at the start, for a resumption to compare with. Then `lock`, `checkpoints/`,
    `history.jsonl`, `tensorboard/`, and at the end `model.keras` and `result.json`. A run that starts from given
    weights also has `init.keras` and `transfer.json`; one that keeps the network of its best epoch, `best.keras`; one
    that stopped before its end, `ended.json`; one whose configuration was changed, `changes.txt`.

    Attributes:
        path: path of the directory.
        checkpoints: path of the folder of checkpoints.
        tensorboard: path of the folder of TensorBoard's event files.
        history: path of the history, JSON lines.
        model: path of the trained network, which is there once the run has finished.
        best_model: path of the network of the best epoch, where the recipe keeps it.
        result: path of the result, which is there once the run has finished.
        initial_model: path of the copy of the weights that the run was started from.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory
        self.checkpoints = directory / "checkpoints"
        self.tensorboard = directory / "tensorboard"
        self.history = directory / "history.jsonl"
        self.model = directory / "model.keras"
        self.best_model = directory / "best.keras"
        self.result = directory / "result.json"
        self.initial_model = directory / "init.keras"

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def open(cls, directory: Path) -> RunDirectory:
        """Return the run that was started in `directory`.

        Raises:
            KresnetError: `run_missing`.
        """
        for name in ("spec.yaml", "recipe.yaml", "data.json"):
            if not (directory / name).is_file():
                message = f"{directory} holds no run: there is no {name} in it."
                raise make_error("run_missing", message, remedy="start one: kresnet fit SPEC -o RUN")
        return cls(directory)

    def refuse_existing(self) -> None:
        """Make sure that there is nothing at the run's path, or only an empty directory.

        Raises:
            KresnetError: `output_exists`.
        """
        holds_run = (self.path / "recipe.yaml").is_file()
        remedy = f"kresnet fit --resume {shell_word(self.path)}, or another -o" if holds_run else "another -o"
        refuse_existing(self.path, remedy)

    def create(self, run: ResolvedRun, environment: dict[str, Any]) -> None:
        """Create the run's directory with the files that a run starts with, whole or not at all.

        Args:
            run: the resolved run, its data known.
            environment: description of the environment, for `environment.json`.

        Raises:
            KresnetError: `output_exists`, `not_writable` or `disk_full`.
        """
        assert run.data
        self.refuse_existing()
        with staged_directory(self.path) as staged:
            write_text(staged / "spec.yaml", dump(run.spec.document()))
            write_text(staged / "recipe.yaml", dump(run.recipe.document()))
            write_json(staged / "plan.json", run.plan.as_dict())
            self._write_original_config(
                staged, {**run.documents(), "data": run.data.as_dict(), "environment": environment}
            )
            if run.transfer:
                shutil.copyfile(run.transfer.init, staged / self.initial_model.name)
                write_json(staged / "transfer.json", run.transfer.as_dict())

    @cached_property
    def resolved(self) -> ResolvedRun:
        """The run as its own documents say it, with the place of each setting in them; read and planned once.

        Raises:
            KresnetError: what is wrong with the documents.
        """
        return resolve_run(self.load_spec(), self.load_recipe(), transfer=self.read_transfer())

    def load_spec(self) -> LoadedDocument[Spec]:
        """Read the network's spec, without planning the network.

        Raises:
            KresnetError: what is wrong with the document.
        """
        path = self.path / "spec.yaml"
        source = read_document(path)
        return LoadedDocument(validate(Spec, source), source, path)

    def load_recipe(self) -> LoadedDocument[Recipe]:
        """Read the recipe.

        Raises:
            KresnetError: what is wrong with the document.
        """
        path = self.path / "recipe.yaml"
        source = read_document(path)
        return LoadedDocument(validate(Recipe, source), source, path)

    def data(self) -> dict[str, Any]:
        """Read the description of the run's data: `fingerprint`, `class_names`, numbers of images."""
        return self._read_json("data.json")

    def data_description(self) -> DataDescription:
        """Read what the run was trained on.

        Raises:
            KresnetError: `run_missing` if `data.json` is damaged.
        """
        try:
            return DataDescription.from_dict(self.data())
        except (AttributeError, KeyError, TypeError) as error:
            message = f"{self.path / 'data.json'} is not what `kresnet fit` wrote: {error}."
            raise make_error("run_missing", message) from None

    def original_config(self) -> dict[str, Any]:
        """Read what the run was started with: `spec` and `recipe` (both resolved), `data` and `environment`."""
        return {
            **self._read_json("origin.json"),
            "data": self.data(),
            "environment": self._read_json("environment.json"),
        }

    def accept_changes(self, changes: Iterable[ConfigChange], present: dict[str, Any]) -> None:
        """Record that the run goes on with a changed configuration, and what changed.

        Args:
            changes: the changes, for `changes.txt`.
            present: `spec`, `recipe`, `data` and `environment` now, which later resumptions are compared with.
        """
        with translate_os_errors(self.path), (self.path / "changes.txt").open("a", encoding="utf-8") as file:
            file.writelines(f"after step {self.newest_step()}: {change}\n" for change in changes)
        self._write_original_config(self.path, present)

    @staticmethod
    def _write_original_config(directory: Path, origin: dict[str, Any]) -> None:
        for name in ("data", "environment"):
            write_json(directory / f"{name}.json", origin[name])
        write_json(directory / "origin.json", {name: origin[name] for name in ("spec", "recipe")})

    def newest_step(self) -> int:
        """Return the number of updates made when the state was last saved; 0 if it never was."""
        return max(CheckpointStore(self.checkpoints, 1).steps(), default=0)

    def read_transfer(self) -> Transfer | None:
        """Read which weights the run was started from; None for random ones.

        Raises:
            KresnetError: `run_missing` if the file is there and is damaged.
        """
        path = self.path / "transfer.json"
        if not path.is_file():
            return None
        try:
            return Transfer.from_dict(self._read_json(path.name))
        except (KeyError, TypeError) as error:
            raise make_error("run_missing", f"{path} is not what `kresnet fit` wrote: {error}.") from None

    def read_result(self) -> dict[str, Any] | None:
        """Read the result of the run; None while it has not finished."""
        return self._read_json("result.json") if self.result.is_file() else None

    @contextlib.contextmanager
    def recording_failure(self) -> Iterator[None]:
        """Record in `ended.json` the problem that ended the block, until the run goes on."""
        ended = self.path / "ended.json"
        with translate_os_errors(ended):
            ended.unlink(missing_ok=True)
        try:
            yield
        except KresnetError as error:
            with contextlib.suppress(KresnetError):  # the first problem is the one to report
                write_json(ended, error.problems[0].as_dict())
            raise

    def recorded_failure(self) -> dict[str, Any]:
        """Read the problem that the run stopped with, as `Problem.as_dict` has it; empty if none is recorded."""
        try:
            problem = json.loads((self.path / "ended.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return problem if isinstance(problem, dict) and "code" in problem else {}

    def require_model(self) -> RunDirectory:
        """Return this run, which must have finished.

        Raises:
            KresnetError: `run_missing` if there is no trained model yet.
        """
        if not self.model.is_file():
            message = f"{self.path} has not finished training: there is no {self.model.name} in it."
            raise make_error("run_missing", message, remedy=f"kresnet fit --resume {shell_word(self.path)}")
        return self

    def history_lines(self) -> list[dict[str, Any]]:
        """Read all lines of the history, oldest first, except one that was cut short by a kill."""
        return [line for line in read_lines(self.history) if isinstance(line.get("step"), int)]

    def epoch_lines(self) -> list[dict[str, Any]]:
        """Read the lines of the history that end an epoch."""
        return [line for line in self.history_lines() if "epoch" in line]

    def accepted_changes(self) -> list[str]:
        """Read the changes of configuration that the run was continued with, one line each."""
        try:
            return (self.path / "changes.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def truncate_history(self, step: int) -> None:
        """Remove the lines of the history that are later than `step`, that of a restored checkpoint."""
        if not self.history.is_file():
            return
        lines = self.history.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        if kept != lines:
            write_text(self.history, "".join(line + "\n" for line in kept))

    def append_history(self, line: dict[str, Any]) -> None:
        """Append a line to the history and flush it to disk, so that no checkpoint is newer than its history."""
        with translate_os_errors(self.history), self.history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read_json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise make_error("run_missing", f"{self.path / name} cannot be read: {error}.") from None
