"""Results of `kresnet explain`: class activation maps, feature maps, and the filters of the first layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class GradCam:
    """Where in an image the network sees a class: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, section 3).

    Attributes:
        class_id: number of the class.
        label: name of the class.
        probability: probability that the network gives the class.
        stage: number of the stage whose map is read, from 1.
        record: name of the record that makes that map.
        map: how much each cell speaks for the class, float32 `(h, w)`, in logits. Where the head averages that very
            map, its cells, before what is negative became zero, add up to the class's logit less its bias.
    """

    class_id: int
    label: str
    probability: float
    stage: int
    record: str
    map: np.ndarray

    @property
    def peak(self) -> tuple[int, int] | None:
        """Row and column of the largest cell; None where no cell speaks for the class."""
        row, column = np.unravel_index(int(self.map.argmax()), self.map.shape)
        return (int(row), int(column)) if self.map[row, column] > 0 else None

    def as_dict(self, size: tuple[int, int]) -> dict[str, Any]:
        """Return JSON-ready values; `size`, height and width of the image in pixels, says where the peak is in it."""
        peak = self.peak
        centre = peak and [int((place + 0.5) * pixels / cells)
                           for place, pixels, cells in zip(peak, size, self.map.shape, strict=True)]  # fmt: skip
        return {
            "class_id": self.class_id,
            "label": self.label,
            "probability": self.probability,
            "stage": self.stage,
            "map": self.record,
            "map_size": list(self.map.shape),
            "maximum": float(self.map.max()),
            "maximum_at": {"cell": list(peak), "pixel": centre} if peak else None,
        }


@dataclass(frozen=True, slots=True)
class StageFeatures:
    """The channels of a stage that answer an image most.

    Attributes:
        stage: number of the stage, from 1.
        record: name of the record that makes the stage's map.
        channels: numbers of the channels from 0, the strongest first.
        strengths: mean absolute value of each channel.
        maps: the channels' maps, float32 `(h, w, channels)`.
    """

    stage: int
    record: str
    channels: tuple[int, ...]
    strengths: tuple[float, ...]
    maps: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "stage": self.stage,
            "map": self.record,
            "map_size": list(self.maps.shape[:2]),
            "channels": list(self.channels),
            "strengths": list(self.strengths),
        }


@dataclass(frozen=True, slots=True)
class ImageExplanation:
    """What a network sees in one image.

    Attributes:
        name: path of the image's file, or its number where it is an array.
        pixels: the image as the network takes it, uint8 `(H, W, C)`.
        class_id: number of the likeliest class.
        label: name of the likeliest class.
        probability: probability of the likeliest class.
        cams: one map for each class and stage asked for.
        features: the strongest channels of every stage.
    """

    name: str | int
    pixels: np.ndarray
    class_id: int
    label: str
    probability: float
    cams: tuple[GradCam, ...]
    features: tuple[StageFeatures, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        height, width = self.pixels.shape[:2]
        return {
            "image": self.name,
            "class_id": self.class_id,
            "label": self.label,
            "probability": self.probability,
            "grad_cam": [cam.as_dict((height, width)) for cam in self.cams],
            "features": [each.as_dict() for each in self.features],
        }


@dataclass(frozen=True, slots=True)
class Filters:
    """The kernels of the first convolution, as they are: no norm is folded into them.

    Attributes:
        record: name of the convolution's record.
        kernels: the weights, float32 `(filters, k, k, C)`; of three channels red comes first.
    """

    record: str
    kernels: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"layer": self.record, "count": len(self.kernels), "kernel": list(self.kernels.shape[1:])}


__all__ = ["Filters", "GradCam", "ImageExplanation", "StageFeatures"]
