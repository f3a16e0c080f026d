"""What KerasHub computes: logits of its ResNet classifiers, with weights by rule; `keras_hub.npz` beside this file.

In an environment of its own, from the repository's root:

    pip install keras-hub==0.32.0 keras==3.15.1 tensorflow==2.21.0
    python -m tests.weights.reference.make_keras_hub
"""

from __future__ import annotations

from pathlib import Path

import keras
import keras_hub
import numpy as np

from tests.weights.reference import rule

SIDE, CLASSES, IMAGES = 64, 10, 5
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

ONE_CONVOLUTION = {"input_conv_filters": [64], "input_conv_kernel_sizes": [7]}
THREE_CONVOLUTIONS = {"input_conv_filters": [32, 32, 64], "input_conv_kernel_sizes": [3, 3, 3]}
#: The presets' settings, by the spec that is the same network.
NETWORKS = {
    "resnet18": {"block_type": "basic_block", "stackwise_num_blocks": [2, 2, 2, 2], **ONE_CONVOLUTION},
    "resnet50": {"block_type": "bottleneck_block", "stackwise_num_blocks": [3, 4, 6, 3], **ONE_CONVOLUTION},
    "resnet50_v2": {
        **{"block_type": "bottleneck_block", "use_pre_activation": True},
        **{"stackwise_num_blocks": [3, 4, 6, 3], **ONE_CONVOLUTION},
    },
    "resnet50_d": {"block_type": "bottleneck_block_vd", "stackwise_num_blocks": [3, 4, 6, 3], **THREE_CONVOLUTIONS},
}


def classifier(name: str) -> keras.Model:
    """The network with weights by rule."""
    backbone = keras_hub.models.ResNetBackbone(
        stackwise_num_filters=[64, 128, 256, 512], stackwise_num_strides=[1, 2, 2, 2], image_shape=(SIDE, SIDE, 3),
        **NETWORKS[name],
    )  # fmt: skip
    model = keras_hub.models.ResNetImageClassifier(backbone, num_classes=CLASSES)
    for layer in (*backbone.layers, model.output_dense):
        for weight in layer.weights:
            weight.assign(rule.keras_tensor(f"{layer.name}/{weight.name}", tuple(weight.shape)))
    return model


def main() -> None:
    """Write the file."""
    arrays = {}
    pixels = (rule.images(IMAGES, SIDE).astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
    for name in NETWORKS:
        model = classifier(name)
        layers = (*model.backbone.layers, model.output_dense)
        weights = {f"{layer.name}/{weight.name}": weight.shape for layer in layers for weight in layer.weights}
        arrays[f"{name}/tensors"] = np.array(list(weights))
        arrays[f"{name}/shapes"] = np.array([" ".join(map(str, shape)) for shape in weights.values()])
        arrays[f"{name}/logits"] = np.concatenate([np.asarray(model(image[None])) for image in pixels])
        print(name, model.count_params(), flush=True)
    np.savez_compressed(Path(__file__).with_name("keras_hub.npz"), **arrays)


if __name__ == "__main__":
    main()
