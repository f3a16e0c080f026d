"""A run directory: what stands in it, and how it comes to be whole."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error
from kresnet.files import read_lines, refuse_existing, staged_directory, translate_os_errors, write_json, write_text
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.config_drift import ConfigChange
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.spec.architecture import Spec
from kresnet.spec.document import dump, read
from kresnet.spec.loading import Loaded
from kresnet.spec.recipe import Recipe
from kresnet.spec.validation import validate
from kresnet.weights.transfer import Transfer


class RunDirectory:
    """The directory of one training run.

    It holds `spec.yaml` and `recipe.yaml` (resolved), `plan.json`, `data.json`, `environment.json`, and `origin.json`:
    what the documents said at the beginning, for a resume to compare with. Then `lock`, `checkpoints/`,
    `history.jsonl`, `tensorboard/`, and at the end `model.keras` and `result.json`. One that started from another's
    weights also keeps them, in `init.keras`, and `transfer.json`; one that keeps its best epoch's network,
    `best.keras`; one that came to a stop before its end, `ended.json`; one that was changed, `changes.txt`.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory
        self.checkpoints = directory / "checkpoints"
        self.tensorboard = directory / "tensorboard"
        self.history = directory / "history.jsonl"
        self.model = directory / "model.keras"
        self.best = directory / "best.keras"
        self.result = directory / "result.json"
        self.init = directory / "init.keras"

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def open(cls, directory: Path) -> RunDirectory:
        """The run that was begun in `directory`.

        Raises:
            KresnetError: `run_missing`.
        """
        for name in ("spec.yaml", "recipe.yaml", "data.json"):
            if not (directory / name).is_file():
                message = f"{directory} holds no run: there is no {name} in it."
                raise make_error("run_missing", message, remedy="kresnet fit SPEC -o RUN starts one")
        return cls(directory)

    def refuse_existing(self) -> None:
        """Make sure that nothing stands where the run will, or only an empty directory.

        Raises:
            KresnetError: `output_exists`.
        """
        holds_run = (self.path / "recipe.yaml").is_file()
        remedy = f"kresnet fit --resume {self.path}, or another -o" if holds_run else "another -o"
        refuse_existing(self.path, remedy)

    def create(self, run: ResolvedRun, environment: dict[str, Any]) -> None:
        """Begin the run; its directory appears whole or not at all.

        Args:
            run: what is trained, its data known.
            environment: versions, machine, and what the bits depend on.

        Raises:
            KresnetError: `output_exists`, `not_writable` or `disk_full`.
        """
        assert run.data
        self.refuse_existing()
        with staged_directory(self.path) as staged:
            write_text(staged / "spec.yaml", dump(run.spec.document()))
            write_text(staged / "recipe.yaml", dump(run.recipe.document()))
            write_json(staged / "plan.json", run.plan.as_dict())
            self._write_origin(staged, {**run.documents(), "data": run.data.as_dict(), "environment": environment})
            if run.transfer:
                shutil.copyfile(run.transfer.init, staged / self.init.name)
                write_json(staged / "transfer.json", run.transfer.as_dict())

    @cached_property
    def resolved(self) -> ResolvedRun:
        """The run as its own documents say it, with the place of each setting in them; read and planned once.

        Raises:
            KresnetError: what is wrong with the documents.
        """
        transfer = self.transfer()
        return resolve_run(
            self.load_spec(), self.load_recipe(), transfer=Transfer.from_dict(transfer) if transfer else None
        )

    def load_spec(self) -> Loaded[Spec]:
        """Read the network's spec, without planning the network.

        Raises:
            KresnetError: what is wrong with the document.
        """
        path = self.path / "spec.yaml"
        source = read(path)
        return Loaded(validate(Spec, source), source, path)

    def load_recipe(self) -> Loaded[Recipe]:
        """Read the recipe.

        Raises:
            KresnetError: what is wrong with the document.
        """
        path = self.path / "recipe.yaml"
        source = read(path)
        return Loaded(validate(Recipe, source), source, path)

    def data(self) -> dict[str, Any]:
        """What the run trains on: `fingerprint`, `class_names`, numbers of images."""
        return self._json("data.json")

    def origin(self) -> dict[str, Any]:
        """What the run was begun with: `spec` and `recipe`, resolved, `data` and `environment`."""
        return {**self._json("origin.json"), "data": self.data(), "environment": self._json("environment.json")}

    def accept(self, changes: Iterable[ConfigChange], present: dict[str, Any]) -> None:
        """Let the run go on as a different one, and write down what changed."""
        with translate_os_errors(self.path), (self.path / "changes.txt").open("a", encoding="utf-8") as file:
            file.writelines(f"after step {self.newest_step()}: {change}\n" for change in changes)
        self._write_origin(self.path, present)

    @staticmethod
    def _write_origin(directory: Path, origin: dict[str, Any]) -> None:
        for name in ("data", "environment"):
            write_json(directory / f"{name}.json", origin[name])
        write_json(directory / "origin.json", {name: origin[name] for name in ("spec", "recipe")})

    def newest_step(self) -> int:
        """Updates made when the state was last saved."""
        return max(CheckpointStore(self.checkpoints, 1).steps(), default=0)

    def transfer(self) -> dict[str, Any] | None:
        """What the run started from, if from another's weights."""
        return self._json("transfer.json") if (self.path / "transfer.json").is_file() else None

    def finished(self) -> dict[str, Any] | None:
        """The result, if the run has come to its end."""
        return self._json("result.json") if self.result.is_file() else None

    @contextlib.contextmanager
    def recording_end(self) -> Iterator[None]:
        """Keep in `ended.json` with which problem the block was left, until the run goes on."""
        ended = self.path / "ended.json"
        with translate_os_errors(ended):
            ended.unlink(missing_ok=True)
        try:
            yield
        except KresnetError as error:
            with contextlib.suppress(KresnetError):  # what went wrong first is what is told
                write_json(ended, error.problems[0].as_dict())
            raise

    def ended(self) -> dict[str, Any]:
        """The problem that the run came to a stop with, as `Problem.as_dict` has it; empty if it said none."""
        try:
            problem = json.loads((self.path / "ended.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return problem if isinstance(problem, dict) and "code" in problem else {}

    def require_model(self) -> RunDirectory:
        """The run itself, which must have come to its end.

        Raises:
            KresnetError: `run_missing` if there is no trained model yet.
        """
        if not self.model.is_file():
            message = f"{self.path} has not finished training: there is no {self.model.name} in it."
            raise make_error("run_missing", message, remedy=f"kresnet fit --resume {self.path}")
        return self

    def lines(self) -> list[dict[str, Any]]:
        """The history so far, oldest line first; one that a kill cut short is left out."""
        return [line for line in read_lines(self.history) if isinstance(line.get("step"), int)]

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of history that end an epoch."""
        return [line for line in self.lines() if "epoch" in line]

    def changes(self) -> list[str]:
        """What changed while the run went on all the same, a line each."""
        try:
            return (self.path / "changes.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def keep_history_until(self, step: int) -> None:
        """Drop the lines of history that a restored checkpoint does not know of."""
        if not self.history.is_file():
            return
        lines = self.history.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        if kept != lines:
            write_text(self.history, "".join(line + "\n" for line in kept))

    def append_history(self, line: dict[str, Any]) -> None:
        """Add a line, and have it on disk before the checkpoint that counts it."""
        with translate_os_errors(self.history), self.history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise make_error("run_missing", f"{self.path / name} cannot be read: {error}.") from None
