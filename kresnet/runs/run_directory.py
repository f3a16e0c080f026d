"""The directory of a training run: its files, how they are read, and how they are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import (
    read_mapping,
    refuse_existing,
    staged_directory,
    translate_os_errors,
    write_json,
    write_text,
)
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.config_drift import ConfigChange, changed_run_error, config_changes
from kresnet.runs.history_file import HistoryFile
from kresnet.runs.lock import RunLock, is_held
from kresnet.runs.missing_kinds import with_missing_packages
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.runs.teacher import Teacher
from kresnet.spec.architecture import Spec
from kresnet.spec.document import dump, read_document
from kresnet.spec.loading import LoadedDocument, load_recipe
from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.durations import UNITS
from kresnet.spec.validation import validate
from kresnet.weights.transfer import Transfer

#: What a run's directory may hold before a step is on disk; whatever else is in it was not written by such a run.
_BEFORE_FIRST_STEP = frozenset(
    (
        *("spec.yaml", "recipe.yaml", "plan.json", "data.json", "environment.json", "origin.json", "init.keras"),
        *(
            "transfer.json",
            "teacher.json",
            "lock",
            "ended.json",
            "changes.txt",
            "checkpoints",
            "tensorboard",
            "history.jsonl",
        ),
        *("trackers.json", "wandb", "progress.json", "log.txt"),
    )
)

_Model = TypeVar("_Model", Spec, Recipe)
_Part = TypeVar("_Part")


class RunDirectory:
    """The directory of one training run.

    It holds `spec.yaml` and `recipe.yaml` (resolved), `plan.json`, `data.json`, `environment.json`, and `origin.json`:
    what the documents said at the start, for a resumption to compare with. Then `lock`, `checkpoints/`,
    `history.jsonl`, `tensorboard/`, and at the end `model.keras` and `result.json`. A run that starts from given
    weights also has `init.keras` and `transfer.json`; one that keeps the network of its best epoch, `best.keras`; one
    that stopped before its end, `ended.json`; one whose configuration was changed, `changes.txt`; one that is trained
    on after its end, `extension.json`; one that is watched elsewhere, `trackers.json`.
    `progress.json` and `log.txt` tell who watches it what it does between two epochs; nothing depends on them.

    Attributes:
        path: path of the directory.
        checkpoints: path of the folder of checkpoints.
        tensorboard: path of the folder of TensorBoard's event files.
        history: the history, JSON lines.
        model: path of the trained network, which is there once the run has finished.
        best_model: path of the network of the best epoch, where the recipe keeps it.
        result: path of the result, which is there once the run has finished.
        initial_model: path of the copy of the weights that the run was started from.
        extension: path of the file that a run has which is trained on after its end, until its new end.
        progress: path of the file in which a run under way says every few seconds how far it is.
        log: path of the file that holds what the run has said.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory
        self.checkpoints = directory / "checkpoints"
        self.tensorboard = directory / "tensorboard"
        self.history = HistoryFile(directory / "history.jsonl")
        self.model = directory / "model.keras"
        self.best_model = directory / "best.keras"
        self.result = directory / "result.json"
        self.initial_model = directory / "init.keras"
        self.extension = directory / "extension.json"
        self.progress = directory / "progress.json"
        self.log = directory / "log.txt"

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

    def may_be_begun_anew(self) -> bool:
        """Return whether a run was begun here of which no step is on disk, and no process is writing it.

        Nothing is lost with such a run: who continues it begins at step 0 as well. A directory that holds any other
        file than such a run's is none.
        """
        if not (self.path / "origin.json").is_file() or is_held(self.path):
            return False
        saved = (path.name for path in self.checkpoints.glob("*") if not path.name.startswith("."))
        return (
            {path.name for path in self.path.iterdir()} <= _BEFORE_FIRST_STEP
            and all(name.startswith("step-00000000") for name in saved)
            and not self.history.lines()
        )

    def refuse_existing(self) -> None:
        """Make sure that there is nothing at the run's path, or only an empty directory or a run without a step.

        Raises:
            KresnetError: `output_exists`.
        """
        if self.may_be_begun_anew():
            return
        holds_run = (self.path / "recipe.yaml").is_file()
        remedy = f"kresnet fit --resume {shell_word(self.path)}, or another -o" if holds_run else "another -o"
        refuse_existing(self.path, remedy)

    def create(self, run: ResolvedRun, environment: dict[str, Any]) -> None:
        """Create the run's directory with the files that a run starts with, whole or not at all.

        It takes the place of a run without a step, as a kill before the first save leaves it.

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
            if run.teacher:
                write_json(staged / "teacher.json", run.teacher.as_dict())
            if self.may_be_begun_anew():
                with RunLock(self.path, lambda _: None):  # whoever continues it at this moment has it
                    self._discard()

    def _discard(self) -> None:
        """Remove the directory, at one moment for whoever looks at it."""
        gone = self.path.with_name(f".{self.path.name}.{os.getpid()}.gone.tmp")
        shutil.rmtree(gone, ignore_errors=True)
        self.path.replace(gone)
        shutil.rmtree(gone, ignore_errors=True)

    @cached_property
    def resolved(self) -> ResolvedRun:
        """The run as its own documents say it, with the place of each setting in them; read and planned once.

        Raises:
            KresnetError: what is wrong with the documents.
        """
        return resolve_run(self.load_spec(), self.load_recipe(), transfer=self.read_transfer(), begun=True)

    def load_spec(self) -> LoadedDocument[Spec]:
        """Read the network's spec, without planning the network.

        Raises:
            KresnetError: what is wrong with the document.
        """
        return self._load_document(Spec, "spec.yaml")

    def load_recipe(self) -> LoadedDocument[Recipe]:
        """Read the recipe.

        Raises:
            KresnetError: what is wrong with the document.
        """
        return self._load_document(Recipe, "recipe.yaml")

    def _load_document(self, model: type[_Model], name: str) -> LoadedDocument[_Model]:
        """Read and validate a document, with the place of each setting in it."""
        source = read_document(self.path / name)
        try:
            return LoadedDocument(validate(model, source), source, self.path / name)
        except KresnetError as error:
            if not (self.path / "environment.json").is_file():
                raise
            raise with_missing_packages(error, self._read_json("environment.json")) from None

    def data(self) -> dict[str, Any]:
        """Read the description of the run's data: `fingerprint`, `class_names`, numbers of images."""
        return self._read_json("data.json")

    def data_description(self) -> DataDescription:
        """Read what the run was trained on.

        Raises:
            KresnetError: `run_missing` if `data.json` is damaged.
        """
        return self._read_part("data.json", DataDescription.from_dict)

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
        there = (self.path / "transfer.json").is_file()
        return self._read_part("transfer.json", Transfer.from_dict) if there else None

    def read_teacher(self) -> Teacher | None:
        """Read which network the run was begun to learn from; None for none.

        Raises:
            KresnetError: `run_missing` if the file is there and is damaged.
        """
        there = (self.path / "teacher.json").is_file()
        return self._read_part("teacher.json", Teacher.from_dict) if there else None

    def resolve_for_length(self, unit: str, value: int) -> ResolvedRun:
        """Return the run as its documents say it, but of another length.

        Args:
            unit: `epochs`, `steps` or `examples`.
            value: how many of them, from the run's first step on.

        Raises:
            KresnetError: `bad_option` if so many steps have been taken; what is wrong with the documents.
        """
        lengths = {name: value if name == unit else None for name in UNITS}
        recipe = load_recipe(self.load_recipe(), lengths)
        run = resolve_run(self.load_spec(), recipe, transfer=self.read_transfer(), begun=True)
        run = run.with_training_images(self.data()["train_images"])
        taken = self.newest_step()
        if run.steps.total_steps < taken or (self.finished and run.steps.total_steps == taken):
            epochs = int(run.steps.epochs_of(taken))
            message = (
                f"{self} has taken {taken:,} steps, and a run of {value} {unit} ends after {run.steps.total_steps:,}."
            )
            raise make_error(
                "bad_option",
                message,
                path=f"--{unit}",
                remedy=f"kresnet fit --resume {shell_word(self)} --epochs {epochs + 1}",
            )
        return run

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end, and is not being trained on."""
        return self.result.is_file() and not self.extension.is_file()

    def require_as_trained(self) -> None:
        """Make sure that the documents of a finished run are still those that it was trained with.

        Raises:
            KresnetError: `run_changed`, a problem for each setting.
        """
        if not (self.path / "origin.json").is_file():
            return
        origin, documents = self._read_json("origin.json"), ("spec", "recipe")
        if all(read_document(self.path / f"{name}.yaml").values == origin[name] for name in documents):
            return
        present = {"spec": self.load_spec().value.document(), "recipe": self.load_recipe().value.document()}
        if changes := config_changes(origin, present):
            raise changed_run_error(changes, self, finished=True)

    def extend(self, recipe: Recipe) -> None:
        """Have the run trained on to the end of a recipe of another length; what an earlier end left stays until then.

        The change itself is recorded by `accept_changes`.
        """
        if self.result.is_file():
            write_json(self.extension, {"after_step": self.newest_step()})
        write_text(self.path / "recipe.yaml", dump(recipe.document()))

    def extended_after(self) -> int | None:
        """Return the step of the earlier end after which the run is trained on; None for any other run."""
        return self._read_json(self.extension.name)["after_step"] if self.extension.is_file() else None

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write `result.json`, which makes the run a finished one."""
        write_json(self.result, dict(result))
        self.extension.unlink(missing_ok=True)

    def read_result(self) -> dict[str, Any] | None:
        """Read the result of the run's last end; None while it has had none."""
        return self._read_json("result.json") if self.result.is_file() else None

    @contextlib.contextmanager
    def recording_failure(self, begun: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Record in `ended.json` the problem that ended the block, until the run goes on.

        Args:
            begun: tells whether the run has taken a step; where it has not, its directory is removed instead, unless
                it was asked to stop, with its state saved.
        """
        ended = self.path / "ended.json"
        with translate_os_errors(ended):
            ended.unlink(missing_ok=True)
        try:
            yield
        except Exception as error:
            problem = error.problems[0] if isinstance(error, KresnetError) else None
            with contextlib.suppress(KresnetError, OSError):  # the first problem is the one to report
                if not begun() and not (problem and problem.code == "interrupted"):
                    self._discard()
                elif problem:
                    write_json(ended, problem.as_dict())
            raise

    def recorded_failure(self) -> dict[str, Any]:
        """Read the problem that the run stopped with, as `Problem.as_dict` has it; empty if none is recorded."""
        problem = read_mapping(self.path / "ended.json")
        return problem if "code" in problem else {}

    def require_model(self) -> RunDirectory:
        """Return this run, which must have finished.

        Raises:
            KresnetError: `run_missing` if there is no trained model yet.
        """
        if not self.model.is_file():
            message = f"{self.path} has not finished training: there is no {self.model.name} in it."
            raise make_error("run_missing", message, remedy=f"kresnet fit --resume {shell_word(self.path)}")
        return self

    def require_best_model(self) -> Path:
        """Return the file of the network of the best epoch.

        Raises:
            KresnetError: `run_missing` if the recipe does not keep it, or no epoch has ended.
        """
        if not self.best_model.is_file():
            remedy = (
                "train it so: kresnet fit SPEC --set recipe.checkpoints.keep_best.metric=accuracy "
                "--set recipe.data.validation=0.1"
            )
            raise make_error("run_missing", f"{self.path} keeps no best network.", remedy=remedy)
        return self.best_model

    def accepted_changes(self) -> list[str]:
        """Read the changes of configuration that the run was continued with, one line each."""
        try:
            return (self.path / "changes.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def _read_part(self, name: str, from_dict: Callable[[Any], _Part]) -> _Part:
        """Read what a file of the run describes."""
        try:
            return from_dict(self._read_json(name))
        except (AttributeError, KeyError, TypeError) as error:
            message = f"{self.path / name} is not what `kresnet fit` wrote: {error}."
            raise make_error("run_missing", message) from None

    def _read_json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise make_error("run_missing", f"{self.path / name} cannot be read: {error}.") from None
