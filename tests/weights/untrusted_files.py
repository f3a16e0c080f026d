"""Forged `.keras` files, and what is said of files that are refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import Plan
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match

Config = dict[str, Any]


def forged(honest: Path, path: Path, change: Callable[[Config], object], **added: bytes) -> Path:
    """The honest file with another `config.json`, and further members."""
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
        for name, content in added.items():
            new.writestr(name, content)
    return path


def model_refusal(path: Path, plan: Plan) -> str:
    from kresnet.weights.convert import load_model

    with pytest.raises(KresnetError) as caught:
        load_model(path, plan)
    whole = [f"{problem.as_dict()}" for problem in caught.value.problems]  # a message shows the first of long lists
    return "\n".join([str(caught.value), *whole])


def weights_refusal(path: Path, plan: Plan) -> str:
    with pytest.raises(KresnetError) as caught, open_weights(path) as source:
        for _ in require_match(match_weights(plan, source), plan).arrays():
            pass
    return str(caught.value)
