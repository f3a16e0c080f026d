"""Settings that come in kinds, to which others may add: what the closed unions of pydantic cannot be."""

from __future__ import annotations

import typing
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, SchemaValidator, core_schema

from kresnet.errors import KresnetError, make_error
from kresnet.registry import Registry
from kresnet.spec.base import Document


class OpenUnion(Document):
    """Base of settings that come in kinds.

    A subclass with `kinds` of its own is such a union: `class Norm(OpenUnion)`. Its subclasses with a literal `kind`
    are what it may be, once they are registered: `@Norm.register`. A field of type `Norm` takes a mapping whose `kind`
    is registered, or offered by an installed package, and holds the settings of that kind.

    A union finds its kinds when a value is read, not when pydantic builds its validator. So a kind may come at any
    time, a kind that no document names costs nothing, and nothing is ever built anew.
    """

    kinds: ClassVar[Registry[Any]]

    if TYPE_CHECKING:
        kind: str

    @classmethod
    def register(cls, settings: type[Self]) -> type[Self]:
        """Let the union be of another kind, the literal `kind` of `settings`; and return `settings`.

        Raises:
            KresnetError: `extension_broken` for a class that cannot be a kind; `extension_conflict`.
        """
        if not (isinstance(settings, type) and issubclass(settings, cls)):
            message = f"A kind of {cls.kinds.noun} must be a subclass of {cls.__module__}.{cls.__qualname__}."
            raise make_error("extension_broken", message, found=repr(settings)[:60])
        alike = [kind for kind, known in cls.kinds.items() if known.__name__ == settings.__name__]
        if any(kind != kind_of(settings) for kind in alike):  # a schema and the reference know models by these names
            message = f"Two kinds of {cls.kinds.noun} are classes of the name {settings.__name__}."
            raise make_error("extension_conflict", message, remedy="give one of them another name")
        cls.kinds.register(kind_of(settings) or "", settings)
        return settings

    @classmethod
    def is_union(cls) -> bool:
        """Return whether the class is such a union, rather than one of its kinds."""
        return "kinds" in vars(cls)

    @classmethod
    def members(cls) -> list[type[Self]]:
        """Return the settings of all kinds, those of installed packages that can be loaded too."""
        cls.kinds.load_installed(strict=False)
        return [settings for _, settings in cls.kinds.items()]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if not cls.is_union():
            return handler(source)
        return core_schema.no_info_before_validator_function(cls._read, core_schema.any_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if not cls.is_union():
            return handler(schema)
        cls.kinds.load_installed()
        choices = {}
        for kind, settings in cls.kinds.items():
            settings.model_rebuild()
            choices[kind] = settings.__pydantic_core_schema__
        if not choices:  # of kinds that others give there may be none
            return {"properties": {"kind": {"type": "string"}}, "required": ["kind"], "type": "object"}
        return handler(core_schema.tagged_union_schema(choices, "kind"))

    @classmethod
    def _read(cls, value: Any) -> Any:
        """The settings that a mapping states, by its kind; the errors are those of pydantic's own tagged unions."""
        if isinstance(value, cls):
            kind: Any = value.kind
        elif not isinstance(value, dict):
            raise PydanticKnownError("model_attributes_type")
        elif "kind" not in value:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": "'kind'"})
        else:
            kind = value["kind"]
        try:
            found = cls.kinds.find(kind)
        except KresnetError as error:  # told with its place, beside the other problems of the document
            raise PydanticCustomError("extension", "{message}", {"message": str(error), "error": error}) from None
        if found is None:
            known = ", ".join(kind for kind, _ in cls.kinds.items())
            context = {"discriminator": "'kind'", "tag": str(kind), "expected_tags": known}
            raise PydanticKnownError("union_tag_invalid", context)
        return _validator(found).validate_python(value)


class NamedUnion(OpenUnion):
    """A union of which a name alone, the kind, stands for its defaults."""

    @classmethod
    def _read(cls, value: Any) -> Any:
        return super()._read({"kind": value} if isinstance(value, str) else value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        settings = super().__get_pydantic_json_schema__(schema, handler)
        if not cls.is_union():
            return settings
        names = {"enum": [kind for kind, _ in cls.kinds.items()], "type": "string"}
        return {"anyOf": [names, *settings.get("oneOf", [settings])]}


def kind_of(settings: type[Any]) -> str | None:
    """Return the `kind` that selects a model in its union; None for a model without one."""
    known = settings.model_fields.get("kind")
    return next(iter(typing.get_args(known.annotation)), None) if known else None


def provided_kinds(document: BaseModel) -> list[dict[str, str]]:
    """Return the kinds that a document names and that do not ship with kresnet, each once, as JSON-ready values.

    Args:
        document: a spec, a recipe, or a part of one.

    Returns:
        Mappings of `of` (what the kind is of, such as `block`), `kind`, `module`, and of what an installed package
        offers `distribution` and `version`.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    pending: list[Any] = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, tuple):
            pending += value
        elif isinstance(value, BaseModel):
            pending += (getattr(value, name) for name in type(value).model_fields)
            if isinstance(value, OpenUnion) and (provider := value.kinds.provider(value.kind)):
                told = {"of": value.kinds.noun, "kind": value.kind, **asdict(provider)}
                found[told["of"], told["kind"]] = {key: text for key, text in told.items() if text}
    return [found[key] for key in sorted(found)]


@cache
def _validator(settings: type[OpenUnion]) -> SchemaValidator:
    """A tagged union of one kind, so that errors say which it was."""
    function = core_schema.no_info_plain_validator_function(settings.model_validate)
    return SchemaValidator(core_schema.tagged_union_schema({str(kind_of(settings)): function}, "kind"))


__all__ = ["NamedUnion", "OpenUnion", "kind_of", "provided_kinds"]
