"""Compound scaling: a network that is another one made wider and deeper by two numbers."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Literal, TypeGuard

from pydantic import ValidationError, model_validator

from kresnet.spec.base import Document, Fraction, Positive, Width, contradiction_error
from kresnet.spec.rounding import round_to_multiple


class Scaling(Document):
    """Tan and Le 2019, arXiv:1905.11946, section 3.3: the stem, the stages and the neck are those of a base network.

    A stage has `depth` times as many blocks, rounded up. Stem, stages and neck have `width` times as many channels,
    rounded to the nearest multiple of `divisor`, and up where less than `least_share` would be left. Input and dropout,
    which grow with the network too, are stated.
    """

    width: Positive = 1.0
    """Factor of the channels."""
    depth: Positive = 1.0
    """Factor of the blocks of a stage."""
    divisor: Width = 8
    """What scaled widths are multiples of."""
    least_share: Fraction = 0.9
    """The least share of a scaled width that rounding may leave; 0 in EfficientNetV2."""
    fixed: tuple[Literal["stem", "neck", "first_and_last"], ...] = ()
    """What is not scaled: channels of `stem` or `neck`, blocks of the `first_and_last` stage (EfficientNet-Lite)."""

    @model_validator(mode="after")
    def _scales(self) -> Scaling:
        if self.width == self.depth == 1:
            raise contradiction_error("", "Factors of 1 change nothing", remedy="scaling: null")
        return self

    def scaled_width(self, width: int) -> int:
        """Return a width multiplied and rounded."""
        return round_to_multiple(width * self.width, self.divisor, self.least_share)

    def scaled_blocks(self, blocks: int, *, at_end: bool) -> int:
        """Return a number of blocks multiplied and rounded up, of the first or last stage or of another."""
        return blocks if at_end and "first_and_last" in self.fixed else ceil(blocks * self.depth)


def expand_scaling(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec document with what its `scaling` says done; as it is where it has none, or none that is valid.

    Args:
        document: the document, which states its stages.
    """
    if document.get("scaling") is None:
        return dict(document)
    try:
        scaling = Scaling.model_validate(document["scaling"])
    except ValidationError:
        return dict(document)
    scaled = {**document, "scaling": None}
    stem = document.get("stem")
    for name, part in (("stem", stem), ("neck", document.get("neck"))):
        if isinstance(part, dict) and name not in scaling.fixed:
            scaled[name] = _scaled_widths(part, scaling)
    if isinstance(stages := document.get("stages"), list | tuple):
        ends = (0, len(stages) - 1)
        scaled["stages"] = [_scaled_stage(stage, scaling, at_end=n in ends) for n, stage in enumerate(stages)]
    return scaled


def _scaled_stage(stage: Any, scaling: Scaling, *, at_end: bool) -> Any:
    if not isinstance(stage, dict):
        return stage
    blocks = stage.get("blocks")
    deeper = {"blocks": scaling.scaled_blocks(blocks, at_end=at_end)} if _is_number(blocks) else {}
    return _scaled_widths(stage, scaling) | deeper


def _scaled_widths(part: dict[str, Any], scaling: Scaling) -> dict[str, Any]:
    """A mapping with its `width` or `widths` scaled; what is no number is left for the document's own validation."""
    scaled = dict(part)
    if _is_number(width := part.get("width")):
        scaled["width"] = scaling.scaled_width(width)
    if isinstance(widths := part.get("widths"), list | tuple):
        scaled["widths"] = [scaling.scaled_width(each) if _is_number(each) else each for each in widths]
    return scaled


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


__all__ = ["Scaling", "expand_scaling"]
