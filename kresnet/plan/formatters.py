"""Generic functions by which plans and differences show themselves; `kresnet.plan.render` implements them by type.

To print a plan takes its summary and its drawing, which both read plans. The methods of `Plan` and `Difference` call
these functions, so that no module has to import one that is built on it; `kresnet.plan` imports the implementations.
"""

from __future__ import annotations

from functools import singledispatch


@singledispatch
def format_line(value: object) -> str:
    """Return one line that says what a value is, as `repr` shows it."""
    raise NotImplementedError(type(value))


@singledispatch
def format_text(value: object) -> str:
    """Return a value as lines of plain text, as `print` shows it."""
    raise NotImplementedError(type(value))


@singledispatch
def format_html(value: object) -> str:
    """Return a value as a piece of HTML, as a notebook shows it."""
    raise NotImplementedError(type(value))


__all__ = ["format_html", "format_line", "format_text"]
