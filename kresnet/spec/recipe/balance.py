"""Settings for classes of unequal numbers of images: weights in the loss, and how often they are drawn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictFloat, StrictStr, Tag

from kresnet.spec.base import Positive


def _rule_or_names(value: Any) -> str:
    return "by_name" if isinstance(value, dict) else "rule"


#: Share of all draws of a class; numbers of classes are written in quotes, as names.
DrawShare = Annotated[StrictFloat, Field(gt=0, lt=1)]

#: Weights by a rule, or by the names of classes.
ClassWeights = Annotated[
    Annotated[Literal["balanced", "effective_number"], Tag("rule")]
    | Annotated[dict[StrictStr, Positive], Field(min_length=1), Tag("by_name")],
    Discriminator(_rule_or_names),
]
#: Shares by a rule, or by the names of classes.
Sampling = Annotated[
    Annotated[Literal["balanced"], Tag("rule")]
    | Annotated[dict[StrictStr, DrawShare], Field(min_length=1), Tag("by_name")],
    Discriminator(_rule_or_names),
]

#: By how much shares may miss 1 that are written with a few digits.
ROUNDING = 1e-3


def sampling_problem(sampling: Sampling | None) -> str:
    """Return what is wrong with shares of the draws, as a sentence without its full stop; empty if nothing is."""
    if not isinstance(sampling, dict) or (total := sum(sampling.values())) <= 1 + ROUNDING:
        return ""
    return f"The shares add up to {total:g}, which is more than all draws"
