"""Write `keras_hub_resnet.json`: kernels, strides and size of keras-hub's ResNetBackbone, which we do not depend on.

keras-hub asks for tensorflow-text, which pins its own TensorFlow; without its requirements it is enough for this:

    pip install --no-deps --target /tmp/hub keras-hub regex kagglehub kagglesdk sentencepiece tokenizers requests tqdm
    PYTHONPATH=/tmp/hub python tests/graph/references/keras_hub_resnet.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras_hub
from keras_hub.models import ResNetBackbone

STAGES = {
    "resnet18": [2, 2, 2, 2],
    "resnet34": [3, 4, 6, 3],
    "resnet50": [3, 4, 6, 3],
    "resnet101": [3, 4, 23, 3],
    "resnet152": [3, 8, 36, 3],
}


def describe(name: str) -> dict[str, Any]:
    family = name.removesuffix("_v2")
    model = ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=STAGES[family],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block" if family in ("resnet18", "resnet34") else "bottleneck_block",
        use_pre_activation=name.endswith("_v2"),
        image_shape=(224, 224, 3),
    )
    convolutions = [layer for layer in model.layers if hasattr(layer, "kernel")]
    rows = {
        role: [
            [*layer.kernel.shape, layer.strides[0]]
            for layer in convolutions
            if layer.name.endswith("_0_conv") == shortcut
        ]
        for role, shortcut in (("main", False), ("shortcut", True))
    }
    return rows | {"total": model.count_params()}


if __name__ == "__main__":
    names = [*STAGES, "resnet50_v2", "resnet101_v2", "resnet152_v2"]
    values = {"keras_hub": keras_hub.__version__} | {name: describe(name) for name in names}
    lines = (f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in values.items())
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
