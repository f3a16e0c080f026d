"""Input pipelines of PyTorch: a `DataLoader` over Pillow, whose resize is antialiased; batches are bytes, as ours."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import PIL
import torch
from PIL import Image

if TYPE_CHECKING:
    from benchmarks.input_worker import Files, Pipeline

SIDE, SHORTER_SIDE = 224, 256


def versions() -> dict[str, str]:
    return {"torch": torch.__version__, "pillow": PIL.__version__}


class _Images(torch.utils.data.Dataset):
    def __init__(self, paths: list[str], transform: Callable[[Image.Image], Image.Image]) -> None:
        self._paths, self._transform = paths, transform

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, place: int) -> torch.Tensor:
        with Image.open(self._paths[place % len(self._paths)]) as image:
            return torch.from_numpy(np.array(self._transform(image.convert("RGB"))))


def crop_and_flip(image: Image.Image) -> Image.Image:
    """Do what torchvision's RandomResizedCrop and RandomHorizontalFlip do."""
    width, height = image.size
    left, top, wide, tall = 0, 0, width, height
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1.0)
        aspect = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            left, top, wide, tall = random.randint(0, width - w), random.randint(0, height - h), w, h
            break
    part = image.crop((left, top, left + wide, top + tall)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else part


def resize_and_centre(image: Image.Image) -> Image.Image:
    """Do what torchvision's Resize and CenterCrop do."""
    scale = SHORTER_SIDE / min(image.size)
    resized = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = (resized.width - SIDE) // 2, (resized.height - SIDE) // 2
    return resized.crop((left, top, left + SIDE, top + SIDE))


def _loader(transform: Callable[[Image.Image], Image.Image]) -> Pipeline:
    def batches(files: Files) -> Iterator[object]:
        data = _Images(files.paths, transform)
        return iter(torch.utils.data.DataLoader(data, batch_size=files.batch, num_workers=files.workers))

    return batches


PIPELINES: dict[str, Pipeline] = {
    "torch_training": _loader(crop_and_flip),
    "torch_evaluation": _loader(resize_and_centre),
}
