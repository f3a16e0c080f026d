"""What a user may choose about a SavedModel; importing this is cheap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

#: Whether batch norms are folded into the weights before them; `auto` where the answers stay the same.
Fold = Literal["auto", "yes", "no"]
WeightType = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Choices that a user may make about an export.

    Attributes:
        version: the version's number, or `None` for the next free one (1 first).
        signatures: those beside `serving_default`; `None` for all that the network can have.
        fold: whether batch norms are folded (see `kresnet.export.served_network.served_network`).
        weights: type that kernels are stored in.
        base_path: `models_dir` as the server will see it, for `models.config`; `models_dir` itself by default.
    """

    version: int | None = None
    signatures: tuple[str, ...] | None = None
    fold: Fold = "auto"
    weights: WeightType = "float32"
    base_path: PurePath | None = None


__all__ = ["ExportOptions", "Fold", "WeightType"]
