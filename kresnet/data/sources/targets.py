"""Checks that a network's output has the form of the data's targets."""

from __future__ import annotations

from kresnet.data.sources.dataset import DataSet
from kresnet.errors import make_error
from kresnet.plan import Plan
from kresnet.spec.architecture import Classifier, Head, Regressor, Spec


def require_targets(data: DataSet, spec: Spec, plan: Plan) -> None:
    """Make sure that the network's output has the form of the data's targets.

    Raises:
        KresnetError: `data_mismatch`.
    """
    if isinstance(spec.head, Classifier):
        _require_classes(data, spec.head)
    else:
        _require_values(data, spec.head, plan)


def _require_values(data: DataSet, head: Head, plan: Plan) -> None:
    """Make sure that what a network without classes gives has the shape of the data's values."""
    kind, shape = data.targets.kind, data.targets.shape
    outputs = plan.by_name[next(iter(plan.outputs.values()))].shape
    if kind != "classes" and shape == outputs:
        return
    a_row = kind != "classes" and len(shape) == 1
    if a_row and isinstance(head, Regressor):
        message = f"The data have {shape[0]} values an example, the head {head.outputs} outputs."
        raise make_error("data_mismatch", message, path="head.outputs", remedy=f"--set head.outputs={shape[0]}")
    raise make_error(
        "data_mismatch",
        "A network without classes learns values of its output's shape.",
        path="head.kind",
        expected=f"float32 (N, {', '.join(map(str, outputs))})",
        found="classes" if kind == "classes" else f"float32 (N, {', '.join(map(str, shape))})",
        remedy=f"head: {{kind: regressor, outputs: {shape[0]}}}"
        if a_row
        else "head: {classes: N}, or data of `kind: arrays`",
    )


def _require_classes(data: DataSet, head: Classifier) -> None:
    """Make sure that a classifier learns as many classes, or labels, as the data have."""
    if data.targets.kind == "values":
        shape = data.targets.shape
        raise make_error(
            "data_mismatch",
            "A classifier learns classes or labels; these data are values.",
            path="head.kind",
            expected="integers (N,), or float32 0 or 1 (N, labels)",
            found=f"float32 of shape {shape}",
            remedy=f"head: {{kind: regressor, outputs: {shape[0]}}}" if len(shape) == 1 else "head: {kind: none}",
        )
    if data.targets.kind == "labels":
        _require_multi_label(data, head)
    else:
        _require_numbered_classes(data, head)
    if head.classes != (classes := len(data.class_names)):
        message = f"The data have {classes} classes, the head {head.classes}."
        raise make_error("data_mismatch", message, path="head.classes", remedy=f"--set head.classes={classes}")


def _require_multi_label(data: DataSet, head: Classifier) -> None:
    """Make sure that the head expects rows of labels rather than one class an example."""
    if head.multi_label:
        return
    if data.targets.one_hot:
        raise make_error(
            "data_mismatch",
            "The targets are one-hot rows, and the head expects the number of one class an example.",
            path="recipe.data",
            expected="integers (N,)",
            found=f"float32 (N, {data.targets.shape[0]}), a single 1 in each row",
            remedy="np.argmax(targets, axis=1) for train_targets and test_targets",
        )
    raise make_error(
        "data_mismatch",
        "The data have independent labels, and the head expects one class an example.",
        path="head.multi_label",
        remedy="--set head.multi_label=true",
    )


def _require_numbered_classes(data: DataSet, head: Classifier) -> None:
    """Make sure that there are two classes or more, numbered from 0."""
    classes = len(data.class_names)
    if classes < 2:
        raise make_error(
            "data_mismatch",
            f"{data.name} has one class, {data.class_names[0]}: there is nothing to tell apart.",
            path="recipe.data",
            expected="two classes or more",
            found="1",
            remedy="add examples of what is no such thing, as a second class",
        )
    if (lowest := data.targets.lowest) and head.classes == classes - lowest:
        raise make_error(
            "data_mismatch",
            f"Labels begin at {lowest}, not at 0.",
            path="recipe.data",
            expected=f"0 to {head.classes - 1}",
            found=f"{lowest} to {classes - 1}",
            remedy=f"subtract {lowest} from train_targets and test_targets",
        )
