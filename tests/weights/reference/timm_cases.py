"""Which networks of timm are compared with ours, and the weights of both sides, by rule.

Every entry point as it is; and cut-down ones, a block a stage and narrow, that have between them every feature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

CLASSES, IMAGES = 10, 2
#: Pixels a side of the images of every entry point; resnetaa's maps must be even throughout, as timm builds them.
SIDE = 64

_TINY = {"layers": [1, 1, 1, 1], "channels": [32, 32, 64, 64]}
_SQUEEZE_EXCITE = {"block_args": {"attn_layer": "se"}}
#: name -> entry point, arguments that differ from its own, pixels a side.
CUT_DOWN: dict[str, tuple[str, dict[str, Any], int]] = {
    "basic, blur, squeeze-excite rounded": ("resnetblur18", _TINY | _SQUEEZE_EXCITE, 68),
    "basic, averaged, deep stem, pooled shortcut": ("resnetaa34d", _TINY, 64),
    "efficient channel attention, tiered stem": ("ecaresnet26t", _TINY | {"layers": [2, 1, 1, 1]}, 64),
    "squeeze-excite, groups, as in SENet-154": ("senet154", _TINY | {"cardinality": 4, "base_width": 32}, 64),
    "squeeze-excite, strided stem, as in ResNet-RS": ("resnetrs50", _TINY, 64),
    "group norm, wide": ("resnet50_gn", _TINY | {"base_width": 128}, 64),
    "blur, wider inside than outside": ("resnetblur50d", _TINY | {"cardinality": 4, "base_width": 128}, 68),
    "blocks of both kinds": ("test_resnet", {}, 64),
}

_SMALL_REGNET = {"depth": 6, "w0": 16, "wa": 20.0, "wm": 2.0}
_SMALL_CONVNEXT = {"depths": [1, 1, 2, 1], "dims": [16, 32, 48, 64]}
#: Of the other families, alike; `families.npz` and the files beside it hold what PyTorch makes of them.
CUT_DOWN_FAMILIES: dict[str, tuple[str, dict[str, Any], int]] = {
    "BiT": ("resnetv2_50x1_bit", {"layers": [1, 1], "channels": [128, 256], "stem_chs": 32}, 32),
    "pre-activation, tiered stem, averaged": (
        "resnetv2_50t",
        {"layers": [1, 2], "channels": [64, 128], "stem_chs": 32, "avg_down": True},
        32,
    ),
    "RegNetX": ("regnetx_002", _SMALL_REGNET | {"group_size": 24}, 32),
    "RegNetY": ("regnety_002", _SMALL_REGNET | {"group_size": 8}, 32),
    "ConvNeXt": ("convnext_tiny", _SMALL_CONVNEXT | {"kernel_sizes": [7, 5, 3, 7]}, 64),
    "ConvNeXt V2, dilated": ("convnextv2_atto", _SMALL_CONVNEXT | {"output_stride": 16, "act_layer": "silu"}, 64),
    "RegNetZ": ("regnetz_005", _SMALL_REGNET | {"group_size": 8, "num_features": 48}, 32),
    "MobileNetV2": ("mobilenetv2_035", {}, 40),
    "MobileNetV3, padded as TensorFlow does": ("tf_mobilenetv3_small_075", {}, 40),
    "EfficientNet": ("efficientnet_b0", {}, 40),
    "EfficientNetV2, padded as TensorFlow does": ("tf_efficientnetv2_b0", {}, 40),
}


def reference_file(family: str) -> str:
    """Return the name of the file that holds what PyTorch makes of the networks of a family."""
    return "families.npz" if family in ("resnetv2", "regnet") else f"timm_{family}.npz"


def digest(sizes: Iterable[tuple[str, int]]) -> str:
    """A digest of the names of a network's tensors and how many numbers each holds."""
    return hashlib.sha256("\n".join(f"{name} {size}" for name, size in sorted(sizes)).encode()).hexdigest()
