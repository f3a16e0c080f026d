"""The layers that Keras lacks, or has slower; all registered, so that `.keras` files load with safe mode on."""

from kresnet.graph.layers.batch_norm import FusedBatchNorm, assign_locally
from kresnet.graph.layers.blur import BlurPool2D
from kresnet.graph.layers.convolution import Conv2D, StandardizedConv2D
from kresnet.graph.layers.dilation import DilatedAveragePooling, StridedPad
from kresnet.graph.layers.pixels import NormalizePixels
from kresnet.graph.layers.pooling import MaxPooling2D
from kresnet.graph.layers.regularization import Dropout, StochasticDepth
from kresnet.graph.layers.scale import GlobalResponseNorm, LayerScale
from kresnet.graph.layers.shapes import IdentityPad, SymmetricPad

__all__ = [
    "BlurPool2D",
    "Conv2D",
    "DilatedAveragePooling",
    "Dropout",
    "FusedBatchNorm",
    "GlobalResponseNorm",
    "IdentityPad",
    "LayerScale",
    "MaxPooling2D",
    "NormalizePixels",
    "StandardizedConv2D",
    "StochasticDepth",
    "StridedPad",
    "SymmetricPad",
    "assign_locally",
]
