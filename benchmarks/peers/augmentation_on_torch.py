"""torchvision's and timm's augmentations on the same batches, as their users apply them.

`torchvision_image` takes one image after the other, as a data set's `transform` does; `torchvision_batch` a whole batch
as one tensor, which is then changed alike: one draw for all of its images. timm's take Pillow images, and its erasing
and mixing batches of floats. Bytes stay bytes elsewhere; mixing needs floats, which are made beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from PIL import Image

_CLASSES = 1000


def _import_torchvision() -> None:
    """Import it beside a PyTorch without CUDA, too, where its compiled operations cannot be loaded.

    They find and pool boxes; no transform needs them, but the import asks for their names.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        names = ("roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool", "deform_conv2d")
        for name in ("nms", "qnms", "qroi_align", *names, *(f"_{each}_backward" for each in names)):
            library.define(f"{name}(Tensor a) -> Tensor")
        globals()["_library"] = library  # its definitions end with it


_import_torchvision()
from timm.data.auto_augment import rand_augment_transform  # noqa: E402
from timm.data.mixup import Mixup  # noqa: E402
from timm.data.random_erasing import RandomErasing  # noqa: E402
from timm.data.transforms import RandomResizedCropAndInterpolation  # noqa: E402
from torchvision.transforms import v2  # noqa: E402


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "torchvision", "timm")}


def use_one_thread() -> None:
    torch.set_num_threads(1)


def _torchvision(name: str, side: int) -> Callable[..., Any]:
    flip = v2.RandomHorizontalFlip()
    match name:
        case "crop_padding, flip":
            return v2.Compose([v2.RandomCrop(side, padding=4), flip])
        case "crop (resized)":
            return v2.RandomResizedCrop(side, antialias=True)
        case "flip":
            return flip
        case "color_jitter":
            return v2.ColorJitter(0.4, 0.4, 0.4)
        case "rand_augment (paper)":
            return v2.RandAugment(2, 9, fill=128)
        case "erase":
            return v2.RandomErasing(0.25, (0.02, 1 / 3), (0.3, 10 / 3), value=[0.0, 0.0, 0.0])
        case "mix (mixup)":
            return v2.MixUp(alpha=0.2, num_classes=_CLASSES)
        case "mix (cutmix)":
            return v2.CutMix(alpha=1.0, num_classes=_CLASSES)
    raise KeyError(name)


def _timm(name: str, side: int) -> Callable[..., Any]:
    match name:
        case "crop (resized)":
            return RandomResizedCropAndInterpolation(side, interpolation="bilinear")
        case "rand_augment (timm)":
            return rand_augment_transform("rand-m6-mstd0.5-inc1", {"translate_const": int(0.45 * side)})
        case "erase":
            return RandomErasing(0.25, mode="pixel", device="cpu")
        case "mix (mixup)":
            return Mixup(mixup_alpha=0.2, num_classes=_CLASSES, label_smoothing=0.0)
        case "mix (cutmix)":
            return Mixup(mixup_alpha=0.0, cutmix_alpha=1.0, num_classes=_CLASSES, label_smoothing=0.0)
    raise KeyError(name)


def make(contender: str, name: str, images: np.ndarray) -> Callable[[int], object]:
    """What changes one of the batches, uint8 (batches, B, H, W, 3)."""
    side, labels = images.shape[2], torch.arange(images.shape[1])
    transform = (_timm if contender == "timm" else _torchvision)(name, side)
    if contender == "timm" and name in ("crop (resized)", "rand_augment (timm)"):
        pictures = [[Image.fromarray(image) for image in batch] for batch in images]
        return lambda step: [transform(image) for image in pictures[step % len(pictures)]]
    batches = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 1, 4, 2, 3)))
    if name.startswith("mix"):
        floats = batches.float()
        return lambda step: transform(floats[step % len(floats)], labels)
    if contender == "timm":
        floats = batches.float()
        return lambda step: transform(floats[step % len(floats)])
    if contender == "torchvision_batch":
        return lambda step: transform(batches[step % len(batches)])
    return lambda step: [transform(image) for image in batches[step % len(batches)]]
