"""What settings of a kind stand for when a run is made: a function or a class, by the model of the settings."""

from __future__ import annotations

from typing import Any, TypeVar

from kresnet.errors import make_error
from kresnet.spec.base import Document
from kresnet.spec.kinds import OpenUnion, kind_of

_Any = TypeVar("_Any")

_KNOWN: dict[type[Document], Any] = {}


def implement(settings: type[Document], implementation: _Any) -> _Any:
    """Have settings stand for a function or class, and return that.

    Args:
        settings: the model of a kind.
        implementation: what makes of such settings what the run needs; its arguments are those of its union.
    """
    _KNOWN[settings] = implementation
    return implementation


def implementation(settings: Document | type[Document]) -> Any:
    """Return what settings, or their model, stand for.

    Raises:
        KresnetError: `extension_broken` for a kind whose module registers its settings alone.
    """
    model = settings if isinstance(settings, type) else type(settings)
    found = next((_KNOWN[kind] for kind in model.__mro__ if kind in _KNOWN), None)
    if found is None:
        noun = model.kinds.noun if issubclass(model, OpenUnion) else "settings"
        message = f"The kind `{kind_of(model)}` of {noun} is registered without a function."
        raise make_error("extension_broken", message, remedy="register it with kresnet.extensions")
    return found


__all__ = ["implement", "implementation"]
