"""From a plan to a `keras.Model`; importing this imports TensorFlow."""

from kresnet.graph.build import build_model
from kresnet.graph.fold import FoldedModel, fold_batch_norms
from kresnet.graph.verify import verify_model

__all__ = ["FoldedModel", "build_model", "fold_batch_norms", "verify_model"]
