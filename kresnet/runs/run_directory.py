"""The directory of a training run: its files, and how they are read and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import translate_os_errors, write_json, write_text
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.config_drift import ConfigChange, changed_run_error, config_changes
from kresnet.runs.history_file import HistoryFile
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
        self.write_original_config(present)

    def write_original_config(self, origin: Mapping[str, Any]) -> None:
        """Write what `original_config` reads."""
        for name in ("data", "environment"):
            write_json(self.path / f"{name}.json", origin[name])
        write_json(self.path / "origin.json", {name: origin[name] for name in ("spec", "recipe")})

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
