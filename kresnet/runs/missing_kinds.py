"""Kinds that a run was begun with, of a package that is not installed any more: what to install is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kresnet.errors import KresnetError, Problem


def with_missing_packages(error: KresnetError, environment: Mapping[str, Any]) -> KresnetError:
    """Return an error of a run's document in which unknown kinds tell the package that gave them.

    Args:
        error: what is wrong with the document.
        environment: the run's `environment.json`.
    """
    kinds = {extension["kind"]: extension for extension in environment.get("extensions", ())}
    return KresnetError(_told(problem, kinds.get(problem.found)) for problem in error.problems)


def _told(problem: Problem, extension: Mapping[str, str] | None) -> Problem:
    if problem.code != "wrong_value" or extension is None:
        return problem
    if distribution := extension.get("distribution"):
        package = f"{distribution}=={extension['version']}"
        message = f"The run was begun with the kind `{problem.found}` of {package}, which is not installed."
        return replace(problem, message=message, nearest="", remedy=f"pip install {package}")
    message = f"The run was begun with the kind `{problem.found}`, which the module {extension['module']} registered."
    return replace(problem, message=message, nearest="", remedy="import that module first, in Python")


__all__ = ["with_missing_packages"]
