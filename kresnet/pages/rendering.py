"""Templates of pages, which may use the macros of the report."""

from __future__ import annotations

from typing import Any

from kresnet.report.page import template_environment


def render(template: str, **context: Any) -> str:
    """Return a page, or a piece of one: a template of this room."""
    return template_environment("kresnet.pages").get_template(template).render(context)


__all__ = ["render"]
