"""Classes of unequal numbers of examples: what each example counts in the loss, and how often it is drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.errors import KresnetError, Problem, nearest
from kresnet.spec.recipe.balance import ROUNDING, ClassWeights, Sampling

#: beta of Cui et al. 2019 (arXiv:1901.05555, section 3.3 and Table 5 try 0.9, 0.99, 0.999 and 0.9999).
EFFECTIVE_NUMBER_BETA = 0.999
#: Keeps these random numbers apart from those of an epoch's order (`kresnet.data.order`) and of mixtures.
_COUNTER = (0, 0, 0, 2)


def class_counts(targets: np.ndarray, classes: int) -> np.ndarray:
    """Return the number of examples of each class, or of each label, int64 `(classes,)`.

    Args:
        targets: classes, integers `(N,)`; or independent labels, 0 or 1 `(N, classes)`.
        classes: number of classes or labels.
    """
    if targets.ndim > 1:
        return (targets > 0.5).sum(0).astype(np.int64)
    return np.bincount(targets, minlength=classes)[:classes].astype(np.int64)


def class_weights(wanted: ClassWeights, counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the weight of each class in the loss, float32 `(classes,)`; 1 for one without examples.

    Args:
        wanted: the recipe's `class_weights`. `balanced` is N / (classes n), scikit-learn's, so that the mean over the
            examples is 1. `effective_number` is (1 - beta) / (1 - beta^n), scaled so that the weights of all classes
            add up to their number (Cui et al. 2019, section 4.1).
        counts: number n of training examples of each class.
        names: the names of the classes.

    Raises:
        KresnetError: `wrong_value` for each name that no class has.
    """
    if isinstance(wanted, Mapping):
        require_class_names("class_weights", wanted, names)
        return np.array([wanted.get(name, 1.0) for name in names], np.float32)
    there, weights = counts > 0, np.ones(len(counts))
    found = counts[there].astype(np.float64)
    if wanted == "balanced":
        weights[there] = found.sum() / (len(found) * found)
    else:
        raw = 1 / effective_number(found)
        weights[there] = raw * len(found) / raw.sum()
    return weights.astype(np.float32)


def presence_weights(wanted: ClassWeights, counts: np.ndarray, examples: int, names: Sequence[str]) -> np.ndarray:
    """Return what each independent label counts where it is there, against 1 where it is not, float32 `(labels,)`.

    Args:
        wanted: the recipe's `class_weights`. `balanced` is the number of examples without the label over that with it,
            `effective_number` the same of effective numbers; 1 for a label that none or all examples have.
        counts: number of training examples that have each label.
        examples: number of training examples.
        names: the names of the labels.

    Raises:
        KresnetError: as `class_weights`.
    """
    if isinstance(wanted, Mapping):
        return class_weights(wanted, counts, names)
    both = (counts > 0) & (counts < examples)
    present, absent = counts[both].astype(np.float64), (examples - counts[both]).astype(np.float64)
    weights = np.ones(len(counts))
    weights[both] = absent / present if wanted == "balanced" else effective_number(absent) / effective_number(present)
    return weights.astype(np.float32)


def effective_number(counts: np.ndarray) -> np.ndarray:
    """Return (1 - beta^n) / (1 - beta) of numbers n (Cui et al. 2019, equation 3)."""
    return (1 - EFFECTIVE_NUMBER_BETA**counts) / (1 - EFFECTIVE_NUMBER_BETA)


def require_class_names(setting: str, named: Collection[str], names: Sequence[str]) -> None:
    """Make sure that a setting of the recipe names classes of the data.

    Raises:
        KresnetError: `wrong_value` for each name that no class has.
    """
    lowered = {each.casefold(): each for each in names}
    problems = [
        Problem(
            "wrong_value",
            f"There is no class {name}.",
            path=f"recipe.{setting}.{name}",
            expected=f"one of {enumerate_names(names)}",
            found=name,
            nearest=lowered.get(nearest(name.casefold(), list(lowered)), ""),
        )
        for name in named
        if name not in names
    ]
    if problems:
        raise KresnetError(problems)


def class_shares(wanted: Sampling, counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the share of each class in the draws, float64 `(classes,)`, which add up to 1.

    Args:
        wanted: the recipe's `sampling`: `balanced`, all classes that have examples alike; or shares by name, of which
            the classes not named share what is left in the proportions of their examples.
        counts: number of training examples of each class.
        names: the names of the classes.

    Raises:
        KresnetError: `wrong_value` for a name that no class has; `contradiction` for shares that leave nothing for the
            other classes, or something where there are none; `data_mismatch` for a class that has no examples.
    """
    if not isinstance(wanted, Mapping):
        return (counts > 0) / (counts > 0).sum()
    require_class_names("sampling", wanted, names)
    if empty := [name for name, count in zip(names, counts, strict=True) if name in wanted and not count]:
        message = "No training example of {} is there to be drawn."
        raise KresnetError(
            Problem("data_mismatch", message.format(name), path=f"recipe.sampling.{name}", remedy="leave it out")
            for name in empty
        )
    shares = np.array([wanted.get(name, 0.0) for name in names])
    others = np.where(shares > 0, 0, counts)
    left = 1.0 - shares.sum()
    if abs(left) > ROUNDING and not others.any():
        message = f"All classes have a share, and these add up to {shares.sum():g}."
        raise KresnetError(Problem("contradiction", message, path="recipe.sampling", expected="1",
                                   remedy="leave out the largest class, which then takes what is left"))  # fmt: skip
    if others.any():
        if left <= ROUNDING:
            rest = [name for name, count in zip(names, others, strict=True) if count]
            message = f"The shares leave no draws for {enumerate_names(rest)}."
            raise KresnetError(Problem("contradiction", message, path="recipe.sampling", remedy="smaller shares"))
        shares = shares + left * others / others.sum()
    return shares / shares.sum()


class ClassDraws:
    """Draws examples with replacement: a class by its share, then one of its examples, all alike likely."""

    def __init__(self, labels: np.ndarray, shares: np.ndarray) -> None:
        """Take the class of each example, integers `(N,)`, and the share of each class, `(classes,)`."""
        self._by_class = np.argsort(labels, kind="stable")
        self._counts = class_counts(labels, len(shares))
        self._starts = np.cumsum(self._counts) - self._counts
        drawn = np.flatnonzero(shares)
        self._classes, self._bounds = drawn, np.cumsum(shares[drawn])[:-1]

    def positions(self, seed: int, epoch: int, count: int) -> np.ndarray:
        """Return the examples that an epoch draws, int64 `(count,)`, a function of (seed, epoch) alone."""
        random = np.random.Generator(np.random.Philox(key=[seed, epoch], counter=_COUNTER))
        which, place = random.random((2, count))
        classes = self._classes[np.searchsorted(self._bounds, which, side="right")]
        return self._by_class[self._starts[classes] + (place * self._counts[classes]).astype(np.int64)]


@dataclass(frozen=True, slots=True)
class ExampleBalance:
    """What the training examples count in the loss, and how they are drawn.

    Attributes:
        weights: float32 `(N,)`, what each example counts; None where all count 1.
        draws: draws the examples; None where an epoch reads each once.
    """

    weights: np.ndarray | None = None
    draws: ClassDraws | None = None
