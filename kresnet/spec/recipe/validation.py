"""Which images a run is validated on: the numbers of its epochs, and whatever is chosen by them, are measured there."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, StrictFloat, StrictStr, model_validator
from pydantic_core import PydanticKnownError

from kresnet.registry import Registry
from kresnet.spec.base import NAME_PATTERN, Document, Name, contradiction_error
from kresnet.spec.kinds import OpenUnion


class Fold(Document):
    """One of several parts of the training images, of equal size, which together are all of them (k-fold)."""

    fold: Annotated[int, Field(strict=True, ge=1, le=100)]
    """Which part to validate on, from 1; the others are trained on."""
    folds: Annotated[int, Field(strict=True, ge=2, le=100)]
    """How many parts there are."""

    @model_validator(mode="after")
    def _within(self) -> Fold:
        if self.fold > self.folds:
            raise contradiction_error("fold", f"There is no part {self.fold} of {self.folds}")
        return self


class Data(OpenUnion):
    """What a recipe trains on."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.data_sources")

    if TYPE_CHECKING:
        validation: Any
        fold: Fold | None


class ValidatedData(Data):
    """Data that state, or may state, which images are kept out of training, to validate on: `validation` or `fold`."""

    @model_validator(mode="after")
    def _one_validation(self) -> Self:
        if getattr(self, "validation", None) is not None and getattr(self, "fold", None) is not None:
            message = "A run is validated on `validation` or on a `fold`, not on both"
            raise contradiction_error("fold", message, remedy="validation: null")
        return self


def _check_share(value: Any) -> Any:
    """Refuse a number that is no share. A union's own errors name its members, which a document does not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticKnownError("float_type")
    if not math.isfinite(value):
        raise PydanticKnownError("finite_number")
    if value <= 0:
        raise PydanticKnownError("greater_than", {"gt": 0.0})
    if value >= 1:
        raise PydanticKnownError("less_than", {"lt": 1.0})
    return value


def _check_split(value: Any) -> Any:
    if not isinstance(value, str):
        return _check_share(value)
    if not value:
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return value


def _check_name(value: Any) -> Any:
    if isinstance(value, str) and not re.match(NAME_PATTERN, value):
        raise PydanticKnownError("string_pattern_mismatch", {"pattern": NAME_PATTERN})
    return _check_split(value)


#: A share of the training images.
Share = Annotated[StrictFloat, Field(gt=0, lt=1)]
#: A share of the training images, or the name of a split; None for none.
ShareOrSplit = Annotated[Share | StrictStr, BeforeValidator(_check_split)] | None
#: A share of the training images, or the name of a split that can name a folder or an array; None for none.
ShareOrName = Annotated[Share | Name, BeforeValidator(_check_name)] | None

__all__ = ["Data", "Fold", "Share", "ShareOrName", "ShareOrSplit", "ValidatedData"]
