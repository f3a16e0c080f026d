"""A network on disk, as a user names it: a run, what `build` wrote, or a `.keras` file with its spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Place, Problem, make_error, shell_word
from kresnet.files import digest
from kresnet.plan import Plan, make_plan
from kresnet.runs.calibration import Calibration, read_calibration
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Classifier, Spec
from kresnet.spec.document import decode_text, read_document
from kresnet.spec.loading import Reference, load_spec
from kresnet.spec.validation import validate
from kresnet.weights.weights_record import read_record


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained network on disk.

    Attributes:
        model: path of the `.keras` file.
        spec: the network's spec.
        plan: the plan of the spec.
        class_names: names of the classes, in order; empty where the head is not a classifier.
        run: the run that trained it; None if none is known.
        provenance: where the model comes from, as an export's manifest records it.
        calibration: the temperatures that `kresnet calibrate` fitted to these weights; None for uncalibrated ones.
        has_stale_calibration: whether the run keeps a calibration of earlier weights, which is not applied.
    """

    model: Path
    spec: Spec
    plan: Plan
    class_names: tuple[str, ...]
    run: RunDirectory | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    has_stale_calibration: bool = False

    def __str__(self) -> str:
        return str(self.model)

    @property
    def temperatures(self) -> tuple[float, ...] | None:
        """What the logits are divided by before they become probabilities; None for an uncalibrated network."""
        return self.calibration.temperatures if self.calibration else None

    @property
    def is_initial(self) -> bool:
        """Whether the network has never been trained: `kresnet build` wrote it."""
        return self.provenance.get("trained") is False

    def notes(self) -> list[str]:
        """Return what a user of the network should know, a sentence each; none for most trained ones."""
        notes = [f"{self.model} was built and never trained: its weights are random."] if self.is_initial else []
        if self.has_stale_calibration:
            best = " --best" if self.run and self.model == self.run.best_model else ""
            notes.append(
                f"The weights of {self.model} changed since they were calibrated: their own probabilities are taken. "
                f"To calibrate them anew: kresnet calibrate {shell_word(self.run)}{best}"
            )
        return notes


def open_trained_model(
    path: Path, *, spec: Reference | None = None, classes: Path | Sequence[str] | None = None, best: bool = False
) -> TrainedModel:
    """Open the network that a user names: the one place that decides what a path stands for.

    That is the directory of a run, with its final or its best network; a file in one, `model.keras` or `best.keras`,
    which knows the run; a directory that `kresnet build` wrote, or the file in it; or any other `.keras` file, with the
    spec that is named, or FILE.yaml beside it (as `kresnet convert` writes).

    Class names are the lines of `classes`, or those of the run's data, or those that came with weights by name (as
    `kresnet weights pull` writes them beside), or else the classes' numbers.

    Args:
        path: path of the directory or the file.
        spec: the spec of a file that has none; a run and what was built have their own.
        classes: names of the classes, or a text file with one name a line.
        best: take the network of the run's best epoch rather than its last.

    Raises:
        KresnetError: `file_missing`, `file_unreadable`, `run_missing`, `bad_option`, or what the spec's problems are.
    """
    if path.is_dir() or path.suffix != ".keras":
        if spec:
            raise make_error("bad_option", f"{path} is a directory, which has its own spec.", remedy="leave --spec out")
        if _is_built(path) and not best:
            return _make_trained_model(path / "model.keras", _read_spec(path / "spec.yaml"), None, classes, built=True)
        return trained_model_of_run(RunDirectory.open(path), classes, best=best)
    if not path.is_file():
        raise make_error("file_missing", f"There is no file {path}.")
    folder = path.parent
    if best:
        remedy = f"--best with the directory of the run: {folder}"
        raise make_error("bad_option", f"{path} is one file, which --best cannot choose.", remedy=remedy)
    beside = path.with_suffix(".yaml")
    if spec:
        return _make_trained_model(path, load_spec(spec).value, None, classes)
    if beside.is_file():
        return _make_trained_model(path, _read_spec(beside), None, classes)
    run = RunDirectory(folder)
    if path.name in (run.model.name, run.best_model.name) and (folder / "spec.yaml").is_file():
        if _is_built(folder):
            return _make_trained_model(path, _read_spec(folder / "spec.yaml"), None, classes, built=True)
        run = RunDirectory.open(folder)
        return _make_trained_model(path, run.resolved.spec, run, classes)
    message = f"{path} does not say which spec it was built from, and there is no {beside.name} beside it."
    raise make_error("file_missing", message, remedy="--spec SPEC")


def trained_model_of_run(
    run: RunDirectory, classes: Path | Sequence[str] | None = None, *, best: bool = False
) -> TrainedModel:
    """Return the last network of a run, or that of its best epoch; what the run has read is not read again.

    Raises:
        KresnetError: `run_missing` where there is no such network; what is wrong with the run's documents.
    """
    model = run.require_best_model() if best else run.require_model().model
    return _make_trained_model(model, run.resolved.spec, run, classes)


def open_initial_weights(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the `.keras` file that `--init` names by itself or by its directory, and its classes where a run says so.

    Raises:
        KresnetError: as `open_trained_model` for a directory, or a file in a run.
    """
    in_run = path.name in ("model.keras", "best.keras") and (path.parent / "recipe.yaml").is_file()
    if not (path.is_dir() or in_run):
        record = read_record(path)
        return path, record.class_names if record else ()
    origin = open_trained_model(path)
    return origin.model, origin.class_names if origin.run else ()


def _is_built(folder: Path) -> bool:
    """Whether a directory is what `kresnet build` writes: a network with its spec, which no run has trained."""
    return (
        all((folder / name).is_file() for name in ("model.keras", "spec.yaml", "plan.json"))
        and not (folder / "recipe.yaml").exists()
    )


def _read_spec(path: Path) -> Spec:
    return validate(Spec, read_document(path))


def _make_trained_model(
    model: Path,
    spec: Spec,
    run: RunDirectory | None,
    classes: Path | Sequence[str] | None,
    *,
    built: bool = False,
) -> TrainedModel:
    provenance: dict[str, Any] = {"file": str(model), "sha256": digest(model)}
    if built:
        provenance["trained"] = False
    record = None if run or built else read_record(model)
    if record:
        provenance["weights"] = record.summary()
    names: tuple[str, ...] = ()
    if isinstance(spec.head, Classifier):
        if classes:
            if isinstance(classes, Path):
                names, provenance["class_names"] = _read_class_names(classes), str(classes)
            else:
                names, provenance["class_names"] = tuple(classes), "the caller"
                require_distinct_names(names, [Place(f"classes[{index}]") for index in range(len(names))])
        elif run:
            names, provenance["class_names"] = tuple(run.data()["class_names"]), "the run's data"
        elif record and len(record.class_names) == spec.head.classes:
            names, provenance["class_names"] = record.class_names, "the weights' origin"
        else:
            names, provenance["class_names"] = tuple(map(str, range(spec.head.classes))), "the classes' numbers"
    elif classes:
        raise make_error("bad_option", f"{spec.name} has no classes to name.", remedy="leave --classes out")
    if run:
        recipe = run.resolved.recipe
        provenance |= {
            "averaged_weights": recipe.ema is not None,
            "recipe": recipe.document(),
            "result": run.read_result(),
        }
    plan = run.resolved.plan if run else make_plan(spec)
    calibration = read_calibration(run.path, model.name) if run else None
    stale = calibration is not None and calibration.weights != provenance["sha256"]
    return TrainedModel(model, spec, plan, names, run, provenance, None if stale else calibration, stale)


def _read_class_names(path: Path) -> tuple[str, ...]:
    """Read the class names in a text file, one a line, without blanks around them; what ends the file does not count.

    Raises:
        KresnetError: `file_missing`, `file_unreadable`; `bad_option` for every line that is blank or a name once more.
    """
    try:
        lines = [line.strip() for line in decode_text(path.read_bytes()).rstrip().splitlines()]
    except FileNotFoundError:
        raise make_error("file_missing", f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise make_error("file_unreadable", f"{path} cannot be read as text: {error}.") from None
    require_distinct_names(lines, [Place(str(path), number) for number in range(1, len(lines) + 1)])
    return tuple(lines)


def require_distinct_names(names: Sequence[str], places: Sequence[Place]) -> None:
    """Refuse class names that cannot tell classes apart.

    Args:
        names: of the classes, in order.
        places: where each is written.

    Raises:
        KresnetError: `bad_option` for every name that is empty or stands there once more.
    """
    problems, first = list[Problem](), dict[str, Place]()
    for name, place in zip(names, places, strict=True):
        if not name:
            problems.append(Problem("bad_option", "A class has no name.", place=place, remedy="name it"))
        elif name in first:
            message = f"The class name {name} stands at {first[name]} already."
            problems.append(Problem("bad_option", message, place=place, remedy="give every class a name of its own"))
        first.setdefault(name, place)
    if problems:
        raise KresnetError(problems)


__all__ = ["TrainedModel", "open_initial_weights", "open_trained_model", "trained_model_of_run"]
