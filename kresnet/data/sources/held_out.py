"""Keeps some of the examples to train on for validation, and says which."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from kresnet.data.sources.dataset import DataSet
from kresnet.data.stratified_split import fold_positions, held_out_positions
from kresnet.errors import KresnetError, make_error
from kresnet.spec.recipe import Fold

#: Positions of at most so many examples are written down one by one.
MOST_LISTED = 200


def hold_out(data: DataSet, stated: float | Fold, seed: int) -> DataSet:
    """Return the data set with a part of its examples to train on as `validation`.

    Args:
        data: the data set, without validation.
        stated: the share to hold out, or which of several parts.
        seed: the run's seed.

    Raises:
        KresnetError: `data_mismatch` where the examples, or their groups, are too few; `image_unreadable` where targets
            lie with images that cannot be read.
    """
    targets, groups = data.train.targets(), data.train.groups()
    strata = np.zeros(len(targets), np.int64) if data.targets.kind == "values" else targets
    facts: dict[str, Any]
    if isinstance(stated, Fold):
        facts = {"fold": stated.fold, "folds": stated.folds}
        chosen = fold_positions(strata, groups, stated.fold - 1, stated.folds, seed)
    else:
        facts = {"share": stated}
        chosen = held_out_positions(strata, groups, stated, seed)
    if not 0 < len(chosen) < len(targets):
        raise _too_few(data, stated, len(targets), None if groups is None else len(np.unique(groups)))
    others = np.setdiff1d(np.arange(len(targets)), chosen)
    facts |= {"seed": seed, "digest": hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()}
    if data.targets.kind == "classes":
        facts["counts"] = np.bincount(targets[chosen], minlength=len(data.class_names)).tolist()
    elif data.targets.kind == "labels":
        facts["counts"] = targets[chosen].sum(axis=0).astype(int).tolist()
    if len(chosen) <= MOST_LISTED:
        facts["positions"] = chosen.tolist()
    name = data.train.name
    return replace(
        data,
        train=data.train.part(name, others, skipped=data.train.skipped),
        validation=data.train.part(f"{name} (validation)", chosen),
        held_out=facts,
    )


def _too_few(data: DataSet, stated: float | Fold, examples: int, groups: int | None) -> KresnetError:
    parts = f"{stated.folds} parts" if isinstance(stated, Fold) else f"a share of {stated:g} and the rest"
    there = f"{examples:,} examples to train on" + ("" if groups is None else f", in {groups:,} groups,")
    return make_error(
        "data_mismatch",
        f"The {there} of {data.name} cannot be divided into {parts}.",
        path=f"recipe.data.{'fold' if isinstance(stated, Fold) else 'validation'}",
        remedy="more examples or groups, or a split of its own to validate on",
    )


__all__ = ["MOST_LISTED", "hold_out"]
