"""A trained network on disk, as a user names it: a run, or a `.keras` file with the spec that it was built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Place, Problem, make_error
from kresnet.files import digest
from kresnet.plan import Plan, make_plan
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Classifier, Spec
from kresnet.spec.document import decode_text, read_document
from kresnet.spec.loading import Reference, load_spec
from kresnet.spec.validation import validate


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
    """

    model: Path
    spec: Spec
    plan: Plan
    class_names: tuple[str, ...]
    run: RunDirectory | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def open_trained_model(
    path: Path, *, spec: Reference | None = None, classes: Path | Sequence[str] | None = None
) -> TrainedModel:
    """Open the trained network at `path`: the directory of a finished run, or a `.keras` file.

    The spec of a file is `spec`, or FILE.yaml beside it (as `kresnet convert` writes), or that of the run in whose
    directory it lies. Class names are the lines of `classes`, or those of the run's data, or else the classes' numbers.

    Args:
        path: path of the run or the file.
        spec: the spec of a file; a run has its own.
        classes: names of the classes, or a text file with one name a line.

    Raises:
        KresnetError: `file_missing`, `file_unreadable`, `run_missing`, `bad_option`, or what the spec's problems are.
    """
    if path.is_dir() or path.suffix != ".keras":
        if spec:
            raise make_error("bad_option", f"{path} is a run, which has its own spec.", remedy="leave --spec out")
        run = RunDirectory.open(path).require_model()
        return _make_trained_model(run.model, run.resolved.spec, run, classes)
    if not path.is_file():
        raise make_error("file_missing", f"There is no file {path}.")
    beside = path.with_suffix(".yaml")
    if spec:
        return _make_trained_model(path, load_spec(spec).value, None, classes)
    if beside.is_file():
        return _make_trained_model(path, validate(Spec, read_document(beside)), None, classes)
    if (run := RunDirectory(path.parent)).model == path and (path.parent / "spec.yaml").is_file():
        run = RunDirectory.open(path.parent)
        return _make_trained_model(path, run.resolved.spec, run, classes)
    message = f"{path} does not say which spec it was built from, and there is no {beside.name} beside it."
    raise make_error("file_missing", message, remedy="--spec SPEC")


def _make_trained_model(
    model: Path, spec: Spec, run: RunDirectory | None, classes: Path | Sequence[str] | None
) -> TrainedModel:
    provenance: dict[str, Any] = {"file": str(model), "sha256": digest(model)}
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
    return TrainedModel(model, spec, plan, names, run, provenance)


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


__all__ = ["TrainedModel", "open_trained_model"]
