"""Images to corrupt: one of CIFAR's size, and one large enough to be corrupted as ImageNet's."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def picture(height, width, channels=3, seed=0):
    """An image without sharp edges."""
    noise = np.random.default_rng(seed).normal(size=(height, width, channels))
    smooth = ndimage.gaussian_filter(noise, (height / 20, width / 20, 0))
    return ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)


SMALL, LARGE = picture(32, 32), picture(96, 80)
