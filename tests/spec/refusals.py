"""How a document model answers settings that it does not accept."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.errors import KresnetError, Problem
from kresnet.spec.base import Document
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate


def refusal_of(model: type[Document], settings: dict[str, Any]) -> Problem:
    """The one problem for which `settings` are no document of `model`."""
    with pytest.raises(KresnetError) as caught:
        validate(model, SourceDocument("settings.yaml", settings))
    (problem,) = caught.value.problems
    return problem


def refused(model: type[Document], settings: dict[str, Any]) -> tuple[str, str]:
    """The code and the path of the one problem for which `settings` are no document of `model`."""
    problem = refusal_of(model, settings)
    return problem.code, problem.path
