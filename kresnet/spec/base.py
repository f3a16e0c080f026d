"""What every document model shares: strictness, frozen values, and the scalar types."""

from __future__ import annotations

from html import escape
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from kresnet.errors import KresnetError
from kresnet.spec.document import dump

#: Of names: safe as those of folders, without separators and leading dots.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
#: What texts must match -> how a message says so.
PATTERNS = {NAME_PATTERN: "letters A to Z, digits, hyphens, dots and underscores, with a letter or a digit first"}


def _require_finite(value: Any) -> Any:
    pending = [value]
    while pending:
        match pending.pop():
            case float(number) if not isfinite(number):
                raise PydanticKnownError("finite_number")
            case dict(fields):
                pending += fields.values()
            case list(items) | tuple(items):
                pending += items
    return value


Name = Annotated[StrictStr, Field(pattern=NAME_PATTERN, max_length=64)]
Text = Annotated[StrictStr, Field(max_length=2000)]
Flag = StrictBool
Seed = Annotated[StrictInt, Field(ge=0, lt=2**31)]
Count = Annotated[StrictInt, Field(ge=1, le=1_000_000_000)]
Width = Annotated[StrictInt, Field(ge=1, le=65_536)]
Kernel = Annotated[StrictInt, Field(ge=1, le=31)]
Stride = Annotated[StrictInt, Field(ge=1, le=8)]
Number = StrictFloat
Positive = Annotated[StrictFloat, Field(gt=0)]
NonNegative = Annotated[StrictFloat, Field(ge=0)]
#: What a setting of another document is given: plain values, infinities and NaN not among them.
Setting = Annotated[Any, AfterValidator(_require_finite)]
Fraction = Annotated[StrictFloat, Field(ge=0, lt=1)]
Momentum = Annotated[StrictFloat, Field(ge=0, lt=1)]
Activation = Literal[
    "relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "hard_silu", "sigmoid", "tanh", "softplus"
]  # fmt: skip


class Document(BaseModel):
    """A frozen model that refuses unknown fields, infinities and silent conversions."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,  # a member's validator is built with the document's, not once more at import
    )

    def document(self) -> dict[str, Any]:
        """Return the value as plain lists, dictionaries and scalars, with every default written out."""
        return self.model_dump(mode="json")

    @classmethod
    def with_later_settings(cls, values: Any) -> Any:
        """Return what an earlier version wrote of such a document, with the defaults of settings that came later.

        A default is what the document meant. What is not valid any more is returned as it is.
        """
        try:
            return cls.model_validate(values).document()
        except (ValidationError, KresnetError):
            return values

    def yaml(self) -> str:
        """Return `document` as YAML."""
        return dump(self.document())

    def _repr_html_(self) -> str:
        """What a notebook shows, in its own colours."""
        return f"<pre>{escape(self.yaml())}</pre>"


def merge(base: Any, override: Any) -> Any:
    """Return `base` with `override` merged onto it: the one merge rule of `extends`, stage overrides and `--set`.

    Mappings merge key by key; everything else (lists too) is replaced. An override that states a
    `kind` which the base does not describes a different thing, and replaces the base whole.
    """
    if not (isinstance(base, dict) and isinstance(override, dict)):
        return override
    if "kind" in override and override["kind"] != base.get("kind"):
        return override
    return {**base, **{key: merge(base[key], value) if key in base else value for key, value in override.items()}}


def contradiction_error(field: str, message: str, remedy: str = "") -> PydanticCustomError:
    """Make the validation error of a model, or of a value, whose parts are valid one by one.

    Args:
        field: of the model, what the error is about, with dots where it lies deeper; empty for the value itself.
        message: a sentence without its full stop.
        remedy: what would help.
    """
    return PydanticCustomError("contradiction", "{message}", {"message": message, "field": field, "remedy": remedy})
