"""From a plan to a `keras.Model`; importing this imports TensorFlow."""

from kresnet.graph.build import build_model
from kresnet.graph.verify import verify

__all__ = ["build_model", "verify"]
