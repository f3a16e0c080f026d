"""The study: which networks are trained, how often and by which recipe, to answer a question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Annotated, Any

from pydantic import Field, StrictStr, model_validator

from kresnet.spec.base import Document, Name, Seed, Setting, Text, contradiction_error, merge

#: Networks that one study may train, each once a seed.
MAX_VARIANTS = 1000

#: What can name a variant, and its folder.
VARIANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

SettingPath = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Settings = Annotated[dict[SettingPath, Setting], Field(max_length=100)]


class Variant(Document):
    """One of the networks that a study compares."""

    name: Name
    """Names the variant's folder, its row and its curve."""
    spec: StrictStr | None = None
    """Network of the variant, a shipped name or a path beside the study; the study's by default."""
    recipe: StrictStr | None = None
    """Recipe of the variant, a shipped name or a path beside the study; the study's by default."""
    set: Settings = Field(default_factory=dict)
    """Settings of the variant, as `--set` writes them: `{block.order: full_preactivation, recipe.epochs: 3}`."""


class Axis(Document):
    """One direction of a grid: a setting, and the values it takes in turn."""

    path: SettingPath
    """The setting, as `--set` writes it; `stages.*.blocks` is that of every stage."""
    values: Annotated[tuple[Setting, ...], Field(min_length=1, max_length=100)]
    """Values that the setting takes in turn."""
    names: tuple[Name, ...] | None = None
    """What the values are called in names of variants; when absent, a word's own, a mapping's kind, `blocks3`."""

    @model_validator(mode="after")
    def _named(self) -> Axis:
        if self.names is not None and len(self.names) != len(self.values):
            message = f"There are {len(self.names)} names for {len(self.values)} values"
            raise contradiction_error("names", message)
        if self.names is None and any(_value_label(self.path, value) is None for value in self.values):
            message = "Not every value can name a variant by itself"
            raise contradiction_error("values", message, remedy="names: [ONE, OTHER, ...], one a value")
        _require_distinct("names" if self.names else "values", "There is", list(self.labels()))
        return self

    def labels(self) -> tuple[str, ...]:
        """Return what each value is called in names of variants."""
        return self.names or tuple(str(_value_label(self.path, value)) for value in self.values)


def _value_label(path: str, value: Any) -> str | None:
    """What a value is called where the study does not say; None where it must."""
    match value:
        case {"kind": str(kind)}:
            name = kind
        case str():
            name = value
        case bool() | int() | float():
            name = f"{path.rpartition('.')[2]}{str(value).lower()}"
        case _:
            return None
    return name if VARIANT_NAME.fullmatch(name) else None


class Design(Document):
    """What is trained: the variants (crossed with the grid, where there are both), for each seed and fold."""

    spec: StrictStr | None = None
    """Network of the variants that state none: a shipped name, or a path beside the study."""
    recipe: StrictStr | None = None
    """Recipe of the variants that state none, likewise; the spec's own when absent."""
    set: Settings = Field(default_factory=dict)
    """Settings that all variants change, as `--set` writes them; a variant's own come after."""
    variants: tuple[Variant, ...] = Field(default=(), max_length=200)
    """The networks that are compared."""
    grid: tuple[Axis, ...] = Field(default=(), max_length=8)
    """Settings whose values are combined, each with each."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100)] = (0,)
    """Seeds: each variant is trained once with each."""
    folds: Annotated[int, Field(strict=True, ge=2, le=100)] | None = None
    """Train each variant and seed once for each of so many equal parts of the training images, validated on that part
    and trained on the others (k-fold); what is compared are mean and spread over the folds."""
    limits: Text | None = None
    """What the outcome cannot show."""

    def combinations(self) -> Iterator[tuple[str, int | None, tuple[int, ...]]]:
        """Each network that is trained: its name, the index of its variant if there are variants, and, an axis of the
        grid, the index of its value.
        """
        labels = [axis.labels() for axis in self.grid]
        for index in range(len(self.variants)) if self.variants else (None,):
            own = [self.variants[index].name] if index is not None else []
            for cell in product(*(range(len(each)) for each in labels)):
                yield "-".join([*own, *(labels[axis][at] for axis, at in enumerate(cell))]), index, cell


class Form(Design):
    """A size of a study, merged onto what the study itself states: mappings key by key, lists replaced."""

    name: Name
    """What `--form` calls it."""


class Study(Design):
    """A question, and what is trained to answer it."""

    name: Name
    """Names the folder of results."""
    source: Text | None = None
    """Where the question, or an answer to it, comes from: paper, figure."""
    question: Text
    """What the study asks."""
    forms: tuple[Form, ...] = Field(default=(), max_length=16)
    """Sizes in which it can be run; the first is the one that is run unless `--form` names another."""

    @model_validator(mode="after")
    def _complete(self) -> Study:
        _require_distinct("forms", "The forms have", [form.name for form in self.forms])
        for index, form in enumerate(self.forms or (None,)):

            def at(field: str, form: Form | None = form, index: int = index) -> str:
                return f"forms.{index}.{field}" if form and field in form.model_fields_set else field

            _require_valid_design(self.design(index), at)
        return self

    def design(self, index: int = 0) -> Design:
        """Return what is trained in the form of that index; without an index, what the study itself states."""
        fields = set(Design.model_fields)
        values = self.model_dump(include=fields, exclude_unset=True)
        if self.forms:
            values = merge(values, self.forms[index].model_dump(include=fields, exclude_unset=True))
        return Design.model_validate(values)

    def document(self) -> dict[str, Any]:
        """Return the study as plain values; a form holds only the settings that it states itself."""
        forms = [form.model_dump(mode="json", exclude_unset=True) for form in self.forms]
        return super().document() | {"forms": forms}


def _require_valid_design(design: Design, at: Callable[[str], str]) -> None:
    """Raise a validation error unless a design is whole, each of its settings used, and every name its own.

    Args:
        design: of one form.
        at: where a field of it stands in the study.
    """
    if not (design.variants or design.grid):
        raise contradiction_error(at("variants"), "A study compares: it states `variants`, a `grid` or both")
    count = prod(len(axis.values) for axis in design.grid) * max(len(design.variants), 1)
    if count > MAX_VARIANTS:
        message = f"These are {count:,} networks to train; a study has {MAX_VARIANTS:,} at most"
        raise contradiction_error(at("grid" if design.grid else "variants"), message)
    names = [name for name, _, _ in design.combinations()]
    _require_distinct(at("variants" if design.variants else "grid"), "The variants have", names)
    if long := next((name for name in names if not VARIANT_NAME.fullmatch(name)), None):
        raise contradiction_error(at("grid"), f"`{long}` is too long a name", remedy="names: [SHORT, SHORTER, ...]")
    _require_distinct(at("seeds"), "The seeds have", list(design.seeds))
    _require_distinct(at("grid"), "Two axes have", [axis.path for axis in design.grid])
    for axis in design.grid:
        if axis.path in design.set:
            message = f"`{axis.path}` is an axis of the grid, so that setting it for all changes nothing"
            raise contradiction_error(at("set"), message, remedy=f"remove `{axis.path}` from `set`")
    bare = [variant.name for variant in design.variants if variant.spec is None]
    if design.spec is None and (bare or not design.variants):
        message = f"{'Variant ' + bare[0] if bare else 'The grid'} has no network"
        raise contradiction_error(at("spec"), message, remedy="spec: NAME")
    for field in ("spec", "recipe"):
        stated = [getattr(variant, field) for variant in design.variants]
        if getattr(design, field) and stated and all(stated):
            message = f"Every variant states its own `{field}`, so that this one is not used"
            raise contradiction_error(at(field), message, remedy=f"remove `{field}`")


def _require_distinct(field: str, whose: str, names: list[Any]) -> None:
    if again := [name for name, count in Counter(names).items() if count > 1]:
        raise contradiction_error(field, f"{whose} {again[0]} twice")
