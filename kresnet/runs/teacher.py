"""The network that a run learns from: what its `teacher.json` records, and whether the two go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error
from kresnet.files import digest
from kresnet.plan import Plan, lower
from kresnet.spec.architecture import Classifier, Spec
from kresnet.spec.recipe.distill import Distill, FeatureTargets


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network that another learns from.

    Attributes:
        reference: how the recipe names it.
        model: path of its `.keras` file.
        sha256: digest of that file.
        spec: its spec, as plain values.
        class_names: names of its classes, in order.
    """

    reference: str
    model: str
    sha256: str
    spec: Mapping[str, Any]
    class_names: tuple[str, ...]

    @classmethod
    def of_model(cls, reference: str, model: Path, spec: Spec, class_names: Sequence[str]) -> Teacher:
        """Return the teacher that a trained network is, by its `.keras` file, its spec and its classes."""
        return cls(reference, str(model.resolve()), digest(model), spec.document(), tuple(class_names))

    @property
    def network_spec(self) -> Spec:
        """The spec as a model."""
        return Spec.model_validate(self.spec)

    @property
    def plan(self) -> Plan:
        """The plan of the spec."""
        return lower(self.network_spec)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Teacher:
        """Return the teacher that `as_dict` was made of, read from JSON."""
        return cls(**{**values, "class_names": tuple(values["class_names"])})

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping."""
        return asdict(self)

    def require_same(self, before: Teacher | None, directory: Path) -> None:
        """Make sure that a run goes on with the teacher that it was begun with.

        Raises:
            KresnetError: `run_changed`.
        """
        if before is not None and before.sha256 != self.sha256:
            message = f"{directory} was begun with another teacher than {self.model} is now."
            raise make_error("run_changed", message, path="recipe.distill.teacher", expected=before.sha256[:16],
                             found=self.sha256[:16], remedy="put the file back that was there")  # fmt: skip


def require_teachable(distill: Distill, teacher: Teacher, spec: Spec, plan: Plan, classes: Sequence[str]) -> None:
    """Make sure that a network can learn from a teacher.

    Args:
        distill: what is learned.
        teacher: the teacher.
        spec: the student's spec.
        plan: the student's plan.
        classes: names of the classes of the data, in order.

    Raises:
        KresnetError: `contradiction` or `data_mismatch`, with what differs.
    """
    taught_by = teacher.network_spec
    if tuple(taught_by.input.shape) != tuple(spec.input.shape):
        shapes = [str(list(each.input.shape)) for each in (spec, taught_by)]
        raise _error("data_mismatch", "Teacher and student see the same pixels, and take images of other shapes.",
                     expected=shapes[0], found=shapes[1])  # fmt: skip
    if isinstance(distill, FeatureTargets):
        return _require_maps(distill, teacher, plan)
    for each, whose in ((spec, "The student"), (taught_by, "The teacher")):
        if not isinstance(each.head, Classifier) or each.head.multi_label:
            raise _error("contradiction", f"{whose} tells no classes apart of which an image has one.",
                         remedy="kind: feature")  # fmt: skip
    if teacher.class_names != tuple(classes):
        differing = next((pair for pair in zip(classes, teacher.class_names, strict=False) if pair[0] != pair[1]), None)
        expected, found = differing or (f"{len(classes)} classes", f"{len(teacher.class_names)} classes")
        raise _error("data_mismatch", "The teacher's classes are not those of the data, in their order.",
                     expected=expected, found=found)  # fmt: skip
    return None


def stage_output(plan: Plan, stage: int | None) -> str:
    """Return the name of the record that hands out a stage's map, by default the last stage's.

    Raises:
        KresnetError: `contradiction` if there is no such stage.
    """
    stages = sorted({record.stage for record in plan.records if record.stage is not None})
    wanted = stage or stages[-1]
    if wanted not in stages:
        raise make_error("contradiction", f"{plan.name} has no stage {wanted}.", path="recipe.distill.stage",
                         expected=f"1 to {stages[-1]}")  # fmt: skip
    return [record.name for record in plan.records if record.stage == wanted][-1]


def _require_maps(distill: FeatureTargets, teacher: Teacher, plan: Plan) -> None:
    """Make sure that the maps that are compared have the same pixels."""
    shapes = [each.by_name[stage_output(each, distill.stage)].shape for each in (plan, teacher.plan)]
    if shapes[0][:-1] != shapes[1][:-1]:
        raise _error("data_mismatch", "The maps of the stage have other sizes in student and teacher.",
                     expected=str(list(shapes[0])), found=str(list(shapes[1])))  # fmt: skip


def _error(code: str, message: str, **details: str) -> KresnetError:
    return make_error(code, message, path="recipe.distill", **details)


__all__ = ["Teacher", "require_teachable", "stage_output"]
