"""Settings for classes of unequal numbers of images: weights in the loss, and how often they are drawn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictStr

from kresnet.spec.base import Positive

#: Share of all draws of a class; numbers of classes are written in quotes, as names.
Share = Annotated[StrictFloat, Field(gt=0, lt=1)]

ClassWeights = Literal["balanced", "effective_number"] | Annotated[dict[StrictStr, Positive], Field(min_length=1)]
Sampling = Literal["balanced"] | Annotated[dict[StrictStr, Share], Field(min_length=1)]

#: By how much shares may miss 1 that are written with a few digits.
ROUNDING = 1e-3


def sampling_problem(sampling: Sampling | None) -> str:
    """Return what is wrong with shares of the draws, as a sentence without its full stop; empty if nothing is."""
    if not isinstance(sampling, dict) or (total := sum(sampling.values())) <= 1 + ROUNDING:
        return ""
    return f"The shares add up to {total:g}, which is more than all draws"
