"""What a run saves, and when."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kresnet.spec.base import Count, Document


class Checkpoints(Document):
    """When the state of a run is saved; the end of every epoch always is."""

    save_every_steps: Count | None = None
    """Also in the middle of an epoch, after this many steps."""
    keep_last: Annotated[int, Field(strict=True, ge=1, le=1000)] = 2
    """How many checkpoints stay on disk."""
