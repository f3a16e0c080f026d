"""Python's functions compiled for this processor by Numba, where it is installed and gives TensorFlow's own numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

#: Added to a float32 below 2^22 and subtracted again, it rounds to the nearest integer, halves to even.
ROUNDS = np.float32(1.5 * 2**23)

logger = logging.getLogger(__name__)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function when it is first called, and keep what was compiled on disk where that can be written.

    It runs without Python's lock, and rounds each sum and product to its type as it is written, as NumPy does.

    Raises:
        ImportError: where Numba cannot be imported.
    """
    import numba

    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return numba.njit(nogil=True)(function)


def compiled_agrees(what: str, agree: Callable[[], bool]) -> bool:
    """Return whether there is compiled code, and it gives TensorFlow's numbers on this machine; the log says why not.

    Args:
        what: what is to be done by it, such as "images are resampled".
        agree: runs both, and returns whether their numbers are the same.
    """
    if find_spec("numba") is None:
        return False
    try:
        exact = agree()
    except ImportError as error:
        logger.info("Numba cannot be imported, so that %s by TensorFlow: %s.", what, error)
        return False
    if not exact:
        logger.info("Numba rounds otherwise than TensorFlow here, so that %s by TensorFlow.", what)
    return exact


__all__ = ["ROUNDS", "compiled", "compiled_agrees"]
