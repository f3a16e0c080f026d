"""Looks at data before they are trained on: what makes a run worthless is refused, what deserves a look is told."""

from __future__ import annotations

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.data.sources.dataset import DataSet
from kresnet.errors import make_error


def inspect_data(data: DataSet) -> tuple[str, ...]:
    """Return what a user should know of the data before they are trained on, a sentence each.

    Raises:
        KresnetError: `contradiction` where examples are both trained on and evaluated on, `data_mismatch` where all
            training examples are of one class.
    """
    return tuple(filter(None, (_overlap_remark(data), *_target_remarks(data))))


def _overlap_remark(data: DataSet) -> str:
    overlap = data.find_overlap()
    if overlap.same:
        message = f"Of the {len(data.test):,} test examples of {data.name}, {overlap.shared:,} are trained on as well."
        raise make_error(
            "contradiction",
            message,
            path="recipe.data.test_split",
            expected="other examples than the split to train on holds",
            found=f"{data.test.name}, and {data.train.name} to train on; such as {overlap.example}",
            remedy="test on others; of one split `train_split: train[:90%]` and `test_split: train[90%:]`",
        )
    if not overlap.shared:
        return ""
    few = "" if overlap.compared == len(data.test) else f" {overlap.compared:,} of"
    return (
        f"{overlap.shared:,} of{few} the {len(data.test):,} test examples are copies of training examples, such as "
        f"{overlap.example}: what is measured on them says little."
    )


def _target_remarks(data: DataSet) -> list[str]:
    targets = data.train.distinct_targets(len(data.class_names)) if data.targets.kind != "values" else None
    if targets is None or not len(targets):
        return []
    if data.targets.kind == "labels":
        remarks = [_missing_remark(data, np.asarray(targets.any(axis=0)), "No training example has")]
        if data.targets.one_hot:
            remarks.append(
                "Every example has exactly one label: if they exclude each other, train on classes instead, "
                "np.argmax(targets, axis=1) and head.multi_label=false."
            )
        return remarks
    present = np.isin(np.arange(len(data.class_names)), targets)  # other labels are told when they are read
    if present.sum() == 1:
        name = data.class_names[int(present.argmax())]
        raise make_error(
            "data_mismatch",
            f"All {len(data.train):,} training examples are of the class {name}: there is nothing to tell apart.",
            path="recipe.data",
            expected="training examples of two classes or more",
            remedy="add examples of another class; of a sorted data set, shuffle before splitting",
        )
    remark = _missing_remark(data, present, "There are no training examples of")
    begins = f" Labels begin at {data.targets.lowest}: subtract that." if remark and data.targets.lowest else ""
    return [remark + begins]


def _missing_remark(data: DataSet, present: np.ndarray, words: str) -> str:
    missing = [name for name, there in zip(data.class_names, present, strict=True) if not there]
    return f"{words} {enumerate_names(missing)}." if missing else ""


__all__ = ["inspect_data"]
