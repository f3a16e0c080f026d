"""What one kind of corruption is: a function, and how strong it is at each severity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

#: Longest shorter side, in pixels, of images that are corrupted as those of CIFAR; those of ImageNet have 224.
SMALL = 64


@dataclass(frozen=True, slots=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        function: returns the corrupted copy of an image, float64 `(H, W, C)` of about 0 to 1, given the image between 0
            and 1, a strength, and the generator that draws what is random.
        cifar: strengths by severity, for images whose shorter side is at most `SMALL` pixels.
        imagenet: strengths by severity, for larger images.
    """

    function: Callable[[np.ndarray, Any, Generator], np.ndarray]
    cifar: Sequence[Any]
    imagenet: Sequence[Any]

    def apply(self, image: np.ndarray, severity: int, generator: Generator) -> np.ndarray:
        """Return a corrupted copy of one image, uint8 `(H, W, C)`, at a severity from 1 to 5."""
        strengths = self.cifar if min(image.shape[:2]) <= SMALL else self.imagenet
        result = self.function(image.astype(np.float64) / 255, strengths[severity - 1], generator)
        return (np.clip(result, 0, 1) * 255).astype(np.uint8)
