"""Divides training examples into those to train on and those to validate on, as a function of the seed alone.

Classes are kept in proportion, and so are independent labels; examples of a group stay together. The same examples are
chosen by every worker, after every resume, and with every version of every library.
"""

from __future__ import annotations

import numpy as np

#: Tells these random numbers from the orders of the epochs, which are keyed by (seed, epoch) with an epoch below 2^32.
_STREAM = 2**32 + 1


def held_out_positions(targets: np.ndarray, groups: np.ndarray | None, share: float, seed: int) -> np.ndarray:
    """Return the positions of a share of the examples, to validate on.

    Of a class with two examples or more at least one is validated on and at least one trained on, where groups do not
    stand against it; a single one is trained on.

    Args:
        targets: integers (N,), the classes; 0 or 1 (N, labels), independent labels; or zeros (N,) where there is
            nothing to stratify by.
        groups: names of the examples' groups (N,), which are not torn apart; None where each stands for itself.
        share: the wished share of the examples, in (0, 1).
        seed: the run's seed.

    Returns:
        int64 (n,), ascending; empty, or all, where the examples or groups are too few to be divided.
    """
    if targets.ndim == 1 and groups is None:
        chosen = _ranks_in_class(targets, seed) < _class_quotas(targets, share)[_numbered(targets)]
    else:
        chosen = _divide(targets, groups, np.array([1 - share, share]), seed) == 1
        if groups is not None and not chosen.any():  # each group is far larger than the share
            names, sizes = np.unique(groups, return_counts=True)
            chosen = (groups == names[np.argmin(sizes)]) & (len(names) > 1)
    return np.flatnonzero(chosen).astype(np.int64)


def fold_positions(targets: np.ndarray, groups: np.ndarray | None, fold: int, folds: int, seed: int) -> np.ndarray:
    """Return the positions of one of `folds` parts of the examples, which together are all, each once.

    Args:
        targets: as of `held_out_positions`.
        groups: as of `held_out_positions`.
        fold: which part, from 0.
        folds: how many parts of nearly equal size; without groups the number of examples of a class differs by at most
            one between them.
        seed: the run's seed.

    Returns:
        int64 (n,), ascending; empty where there are fewer examples or groups than folds.
    """
    if targets.ndim == 1 and groups is None:
        by_class = np.lexsort((_ranks_in_class(targets, seed), targets))
        part = np.empty(len(targets), np.int64)
        part[by_class] = np.arange(len(targets)) % folds
    else:
        part = _divide(targets, groups, np.full(folds, 1 / folds), seed)
    return np.flatnonzero(part == fold).astype(np.int64)


def _numbered(targets: np.ndarray) -> np.ndarray:
    """Return the place of each example's class among the classes that occur."""
    return np.unique(targets, return_inverse=True)[1].reshape(-1)


def _ranks_in_class(targets: np.ndarray, seed: int) -> np.ndarray:
    """Return for each example its place in a random order of the examples of its class."""
    shuffled = np.random.Generator(np.random.Philox(key=[seed, _STREAM])).permutation(len(targets))
    by_class = shuffled[np.argsort(targets[shuffled], kind="stable")]
    _, starts, counts = np.unique(targets[by_class], return_index=True, return_counts=True)
    ranks = np.empty(len(targets), np.int64)
    ranks[by_class] = np.arange(len(targets)) - np.repeat(starts, counts)
    return ranks


def _class_quotas(targets: np.ndarray, share: float) -> np.ndarray:
    """Return how many examples of each class that occurs are validated on; together `share` of all, rounded."""
    counts = np.unique(targets, return_counts=True)[1]
    exact = counts * share
    quotas = np.floor(exact).astype(np.int64)
    missing = max(round(len(targets) * share) - int(quotas.sum()), 0)
    quotas[np.argsort(quotas - exact, kind="stable")[:missing]] += 1  # to the largest remainders
    return np.where(counts > 1, np.clip(quotas, 1, np.maximum(counts - 1, 1)), 0)


def _divide(targets: np.ndarray, groups: np.ndarray | None, shares: np.ndarray, seed: int) -> np.ndarray:
    """Divide examples of independent labels, or of groups, into parts.

    Args:
        targets: as of `held_out_positions`.
        groups: as of `held_out_positions`.
        shares: float (parts,), which part of everything each part is to have.
        seed: the run's seed.

    Returns:
        integers (N,), the part of each example.
    """
    rows = targets if targets.ndim == 2 else np.eye(int(_numbered(targets).max()) + 1)[_numbered(targets)]
    generator = np.random.Generator(np.random.Philox(key=[seed, _STREAM]))
    if groups is None:
        return _give_examples(rows, shares, generator.permutation(len(rows)))
    group_of = np.unique(groups, return_inverse=True)[1].reshape(-1)
    counts = np.zeros((int(group_of.max()) + 1, rows.shape[1]))
    np.add.at(counts, group_of, rows)
    return _give_groups(counts, np.bincount(group_of), shares, generator.permutation(len(counts)))[group_of]


def _give_examples(labels: np.ndarray, shares: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Divide by iterative stratification (Sechidis et al. 2011): the examples of the rarest label are given first.

    Each goes to the part that lacks most of this label, in proportion to what is its due.

    Args:
        labels: 0 or 1 (N, labels).
        shares: float (parts,).
        order: in which examples are given away.

    Returns:
        integers (N,), the part of each example.
    """
    part = np.full(len(labels), -1)
    rows = np.concatenate([labels, np.ones((len(labels), 1))], axis=1)  # the last column counts all examples
    due = shares[:, np.newaxis] * rows.sum(axis=0)  # (parts, labels + 1)
    lacking, remaining = due.copy(), rows.sum(axis=0)
    while remaining.any():
        label = int(np.argmin(np.where(remaining > 0, remaining, np.inf)))
        for example in order[(part[order] < 0) & (rows[order, label] > 0)]:
            needs = lacking[:, label] / due[:, label]
            neediest = np.flatnonzero(needs >= needs.max() - 1e-9)
            part[example] = neediest[np.argmax(lacking[neediest, -1])]
            lacking[part[example]] -= rows[example]
            remaining -= rows[example]
    return part


def _give_groups(counts: np.ndarray, sizes: np.ndarray, shares: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Divide whole groups, those of the most uneven counts first, each to where it makes the parts most alike.

    This is the rule of scikit-learn's `StratifiedGroupKFold`, for parts that need not be of one size.

    Args:
        counts: float (groups, labels), how many examples of each class or label a group has.
        sizes: integers (groups,), the number of its examples.
        shares: float (parts,).
        order: in which groups are given away where their counts are equally uneven.

    Returns:
        integers (groups,), the part of each group.
    """
    part = np.empty(len(counts), np.int64)
    due = shares[:, np.newaxis] * np.maximum(counts.sum(axis=0), 1)  # (parts, labels)
    filled, examples = np.zeros_like(due), np.zeros(len(shares))
    each_part = np.eye(len(shares))[:, :, np.newaxis]
    for group in order[np.argsort(-counts[order].std(axis=1), kind="stable")]:
        outcomes = (filled + each_part * counts[group]) / due  # (parts, parts, labels): of each choice
        unevenness = outcomes.std(axis=1).mean(axis=1)
        best = np.flatnonzero(unevenness <= unevenness.min() + 1e-12)
        part[group] = best[np.argmin(examples[best] / shares[best])]
        filled[part[group]] += counts[group]
        examples[part[group]] += sizes[group]
    return part


__all__ = ["fold_positions", "held_out_positions"]
