"""Distillation: a trained network, the teacher, whose answers to the same images are learned as well."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictFloat, StrictInt, Tag

from kresnet.spec.base import Document, Positive, Text

Teacher = Annotated[Text, Field(min_length=1)]
Share = Annotated[StrictFloat, Field(gt=0, le=1)]


class SoftTargets(Document):
    """Learn the teacher's probabilities, softened (Hinton et al. 2015, arXiv:1503.02531, section 2)."""

    kind: Literal["soft"] = "soft"
    teacher: Teacher
    """The trained network: a run, a `.keras` file with its spec, or a name as of `init`."""
    temperature: Positive = 4.0
    """What both networks' logits are divided by; the loss is multiplied by its square, as in the paper."""
    weight: Share = 0.9
    """Share of this loss; the rest is that of the labels."""


class HardTargets(Document):
    """Learn the class that the teacher finds likeliest (Touvron et al. 2021, arXiv:2012.12877, section 4)."""

    kind: Literal["hard"]
    teacher: Teacher
    """The trained network: a run, a `.keras` file with its spec, or a name as of `init`."""
    weight: Share = 0.5
    """Share of this loss; the rest is that of the labels."""


class FeatureTargets(Document):
    """Learn a map of the teacher, each image's scaled to length 1 (Romero et al. 2015, arXiv:1412.6550).

    Where the maps have other numbers of channels, both are first projected to one: the mean over the channels of the
    squares, as in attention transfer (Zagoruyko and Komodakis 2017, arXiv:1612.03928, equations 1 and 2).
    """

    kind: Literal["feature"]
    teacher: Teacher
    """The trained network: a run, a `.keras` file with its spec, or a name as of `init`."""
    stage: Annotated[StrictInt, Field(ge=1, le=16)] | None = None
    """Stage, counted from 1 in both networks, whose output is compared; the last of both when absent."""
    weight: Positive = 1.0
    """What the squared distance, summed over the map, is multiplied by; it is added to the loss of the labels."""


def _kind(value: Any) -> Any:
    return value.get("kind", "soft") if isinstance(value, dict) else getattr(value, "kind", "soft")


Distill = Annotated[
    Annotated[SoftTargets, Tag("soft")]
    | Annotated[HardTargets, Tag("hard")]
    | Annotated[FeatureTargets, Tag("feature")],
    Discriminator(_kind),
]

__all__ = ["Distill", "FeatureTargets", "HardTargets", "SoftTargets"]
