"""Of which images the results of a study are: those to train, to validate and to test on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kresnet.data.description import SPLITS

Values = Mapping[str, Any]


def selection_of(results: Values) -> str:
    """Return on which images the epochs were measured: `validation`, `test`, or both words with ` or ` between."""
    return str(results.get("selection", "test"))  # results of earlier versions do not say it


def final_splits(results: Values) -> tuple[str, ...]:
    """Return the splits that every run has measured at its end, training first."""
    return SPLITS if selection_of(results) == "validation" else ("train", "test")


def measured(numbers: Values, split: str, measure: str) -> Any:
    """Return the error or loss of a split; of `validation or test` that of the one that there is.

    Args:
        numbers: of a run, an epoch or a variant.
        split: `train`, or what `selection_of` returned.
        measure: `error` or `loss`.
    """
    name = next(name for each in split.split(" or ") if (name := f"{each}_{measure}") in numbers)
    return numbers[name]


def split_words(split: str) -> str:
    """Return a split in the words of a title."""
    return "training" if split == "train" else split


__all__ = ["final_splits", "measured", "selection_of", "split_words"]
