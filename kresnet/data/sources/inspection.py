"""Looks at data before they are trained on: what makes a run worthless is refused, what deserves a look is told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.data.sources.dataset import DataSet
from kresnet.data.sources.overlap import Overlap
from kresnet.data.sources.sample_depth import sample_depth_remark
from kresnet.errors import KresnetError, Problem, make_error

#: What is done with the examples of a split, what they are called, and the setting that says which they are.
_USES = {
    "train": ("trained on", "training examples", "train_split"),
    "validation": ("validated on", "validation examples", "validation"),
    "test": ("tested on", "test examples", "test_split"),
}


def inspect_data(data: DataSet) -> tuple[str, ...]:
    """Return what a user should know of the data before they are trained on, a sentence each.

    Raises:
        KresnetError: `contradiction` where two splits share examples, a problem for each two; `data_mismatch` where all
            training examples are of one class.
    """
    problems, remarks = [], []
    for first, second in combinations(data.splits, 2):
        overlap = data.find_overlap(data.splits[first], data.splits[second])
        if overlap.same:
            problems.append(_overlap_problem(data, first, second, overlap))
        elif overlap.shared:
            remarks.append(_copies_remark(second, len(data.splits[second]), first, overlap))
        remarks.append(_groups_remark(data, first, second))
    if problems:
        raise KresnetError(problems)
    others = (*_target_remarks(data), *_unmeasured_remarks(data), sample_depth_remark(data.train))
    return tuple(filter(None, (*remarks, *others)))


def _overlap_problem(data: DataSet, first: str, second: str, overlap: Overlap) -> Problem:
    """Return the problem of two splits that hold the very same files or records."""
    (use, _, _), (_, words, setting) = _USES[first], _USES[second]
    one, other = data.splits[first], data.splits[second]
    return Problem(
        "contradiction",
        f"Of the {len(other):,} {words} of {data.name}, {overlap.shared:,} are {use} as well.",
        path=f"recipe.data.{setting}",
        expected=f"other examples than those that are {use}",
        found=f"{other.name}, and {one.name} is {use}; such as {overlap.example}",
        remedy="validate on others; of one split `train_split: train[:90%]` and `validation: train[90%:]`"
        if second == "validation"
        else "test on others; of one split `train_split: train[:90%]` and `test_split: train[90%:]`",
    )


def _copies_remark(second: str, examples: int, first: str, overlap: Overlap) -> str:
    few = "" if overlap.compared == examples else f" {overlap.compared:,} of"
    return (
        f"{overlap.shared:,} of{few} the {examples:,} {_USES[second][1]} are copies of {_USES[first][1]}, such as "
        f"{overlap.example}: what is measured on them says little."
    )


def _groups_remark(data: DataSet, first: str, second: str) -> str:
    one, other = data.splits[first].groups(), data.splits[second].groups()
    if one is None or other is None:
        return ""
    shared = np.intersect1d(one, other)
    if not len(shared):
        return ""
    groups = "1 group has" if len(shared) == 1 else f"{len(shared):,} groups have"
    words = f"{_USES[first][1]} and {_USES[second][1]}"
    return f"{groups} {words}, such as {shared[0]}: what is measured on them says little of other groups."


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


def _unmeasured_remarks(data: DataSet) -> Iterator[str]:
    """Tell of each split that numbers are measured on which classes or labels none of its examples has."""
    if data.targets.kind == "values":
        return
    classes = len(data.class_names)
    for name in [name for name in data.splits if name != "train"]:
        targets = data.splits[name].distinct_targets(classes)
        if targets is None or not len(targets):
            continue
        if data.targets.kind == "labels":
            present, words = np.asarray(targets.any(axis=0)), f"No {_USES[name][1].removesuffix('s')} has"
        else:
            present, words = np.isin(np.arange(classes), targets), f"There are no {_USES[name][1]} of"
        if missing := _missing_remark(data, present, words):
            yield f"{missing[:-1]}: how such examples are recognised is not measured."


def _missing_remark(data: DataSet, present: np.ndarray, words: str) -> str:
    missing = [name for name, there in zip(data.class_names, present, strict=True) if not there]
    return f"{words} {enumerate_names(missing)}." if missing else ""


__all__ = ["inspect_data"]
