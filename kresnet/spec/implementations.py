"""What settings of a kind stand for when a run is made: a function or a class, by the model of the settings."""

from __future__ import annotations

from typing import Any, TypeVar

from kresnet.errors import make_error
from kresnet.spec.kinds import OpenUnion

_Any = TypeVar("_Any")

_KNOWN: dict[type[OpenUnion], Any] = {}


def implement(settings: type[OpenUnion], implementation: _Any) -> _Any:
    """Have settings stand for a function or class, and return that.

    Args:
        settings: the model of a kind.
        implementation: what makes of such settings what the run needs; its arguments are those of its union.
    """
    _KNOWN[settings] = implementation
    return implementation


def implementation(settings: OpenUnion) -> Any:
    """Return what settings stand for.

    Raises:
        KresnetError: `extension_broken` for a kind whose module registers its settings alone.
    """
    found = next((_KNOWN[kind] for kind in type(settings).__mro__ if kind in _KNOWN), None)
    if found is None:
        message = f"The kind `{settings.kind}` of {settings.kinds.noun} is registered without a function."
        raise make_error("extension_broken", message, remedy="register it with kresnet.extensions")
    return found


__all__ = ["implement", "implementation"]
