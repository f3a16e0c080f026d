"""Image folders to prepare, and what prepares them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kresnet.data.preparation.prepare import Preparation, PreparationOptions
from kresnet.data.preparation.source import open_source
from kresnet.data.prepared.manifest import PreparedManifest


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., PreparedManifest]:
    """A function that prepares data: `prepare(reference, "shards", shard_examples=4)`."""

    def prepare(reference: object, to: str = "shards", overrides: Any = (), **options: Any) -> PreparedManifest:
        skip = options.pop("skip_unreadable", False)
        told = {name: options.pop(name) for name in ("progress", "log") if name in options}
        data = open_source(str(reference), overrides)
        return Preparation(data, tmp_path / to, PreparationOptions(**options), skip_unreadable=skip, **told).run()

    return prepare
