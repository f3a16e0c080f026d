"""Common corruptions of images, to measure how a network bears them: Hendrycks and Dietterich 2019 (arXiv:1903.12261).

Fourteen of the paper's fifteen kinds (section 3.1 and appendix B), at five severities. Frost is left out: it overlays
photographs of frosted glass that come without a licence. The strengths are those of the authors' published scripts,
github.com/hendrycks/robustness, `ImageNet-C/create_c/`: of `make_cifar_c.py` for images whose shorter side is at most
`SMALL` pixels, of `make_imagenet_c.py` for larger ones. Where these scripts state a length in pixels of 32 or 224, it
grows with the image. Pixels of glass blur are exchanged, as the paper says; the scripts copy them.

Everything is drawn from the place of an image in its split, the kind and the severity, so that an image is corrupted
the same way whenever it is asked for.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kresnet.data.corruptions.blur import BLUR
from kresnet.data.corruptions.corruption import SMALL
from kresnet.data.corruptions.digital import DIGITAL
from kresnet.data.corruptions.noise import NOISE
from kresnet.data.corruptions.weather import WEATHER
from kresnet.errors import make_error, nearest

_BY_FAMILY = {"noise": NOISE, "blur": BLUR, "weather": WEATHER, "digital": DIGITAL}
_CORRUPTIONS = NOISE | BLUR | WEATHER | DIGITAL

#: Kinds of corruption by family, in the paper's order.
FAMILIES: dict[str, tuple[str, ...]] = {family: tuple(kinds) for family, kinds in _BY_FAMILY.items()}
KINDS = tuple(_CORRUPTIONS)
SEVERITIES = (1, 2, 3, 4, 5)


def parse_corruptions(text: str) -> dict[str, tuple[int, ...]]:
    """Return kinds of corruption and their severities, in the paper's order.

    Args:
        text: `all`, families, or kinds, separated by commas, each with one severity where not all five are meant:
            `noise,fog:3`.

    Raises:
        KresnetError: `bad_option`.
    """
    found: dict[str, set[int]] = {}
    for part in text.split(","):
        name, colon, severity = part.strip().partition(":")
        kinds = KINDS if name == "all" else FAMILIES.get(name, (name,) if name in KINDS else ())
        if not kinds:
            names = ["all", *FAMILIES, *KINDS]
            message = (
                f"There is no corruption {name}." if name != "frost" else "Frost needs photographs that are not here."
            )
            raise make_error("bad_option", message, path="--corrupt", expected=", ".join(names), found=name,
                             nearest=nearest(name, names))  # fmt: skip
        if colon and severity not in map(str, SEVERITIES):
            message = f"{severity or 'Nothing'} is no severity of a corruption."
            raise make_error("bad_option", message, path="--corrupt", expected=f"{name}:1 to {name}:5", found=part)
        for kind in kinds:
            found.setdefault(kind, set()).update([int(severity)] if colon else SEVERITIES)
    return {kind: tuple(sorted(found[kind])) for kind in KINDS if kind in found}


def corrupt_images(images: np.ndarray, kind: str, severity: int, positions: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return corrupted copies of images.

    Args:
        images: uint8 `(N, H, W, C)`, grey or RGB.
        kind: one of `KINDS`.
        severity: from 1 to 5.
        positions: integers `(N,)`, the images' places in their split, by which is drawn what is random.
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        corrupted = threads.map(
            lambda image, position: corrupt(image, kind, severity, int(position)), images, positions
        )
        return np.stack(list(corrupted))


def corrupt(image: np.ndarray, kind: str, severity: int, position: int) -> np.ndarray:
    """Return a corrupted copy of one image, uint8 `(H, W, C)`; see `corrupt_images`."""
    key = np.array([position, zlib.crc32(f"{kind} {severity}".encode())], np.uint64)
    return _CORRUPTIONS[kind].apply(image, severity, np.random.Generator(np.random.Philox(key=key)))


__all__ = [
    "FAMILIES",
    "KINDS",
    "SEVERITIES",
    "SMALL",
    "corrupt",
    "corrupt_images",
    "parse_corruptions",
]
