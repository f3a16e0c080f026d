"""Room for the recursion by which Keras walks a network: one call a layer, beyond Python's limit in deep networks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Calls of Python that a layer of a network takes at most, where Keras makes a model of layers, or reads a file of one.
_CALLS_A_LAYER = 4


@contextmanager
def room_for_recursion(layers: int) -> Iterator[None]:
    """Within the `with` block, let Python's calls nest as deep as a network of so many layers in a row needs.

    Since Python 3.11 a call of a Python function takes no space of the C stack, which the limit once protected.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + _CALLS_A_LAYER * layers)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


__all__ = ["room_for_recursion"]
