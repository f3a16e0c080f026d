"""From a plan to a `keras.Model`; importing this imports TensorFlow."""

from kresnet.graph.build import build_model
from kresnet.graph.fold import Folded, fold_batch_norms
from kresnet.graph.verify import verify

__all__ = ["Folded", "build_model", "fold_batch_norms", "verify"]
