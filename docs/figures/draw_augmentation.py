"""Draw each augmentation on the same images: the figure of docs/augmentation.md.

python docs/figures/draw_augmentation.py FILE.png ['{kind: tfds, name: NAME, data_dir: PATH}']
"""

import sys

from PIL import Image
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from kresnet.runtime import import_tensorflow

COLUMNS = 10
#: A recipe's `augment`, as it is written under each row.
ROWS = (
    "{}",
    "{crop_padding: 4, flip: true}",
    "{crop: {kind: resized}, flip: true}",
    "{crop: {kind: rescaled, shorter_side: [36, 60]}}",
    "{color_jitter: {}}",
    "{lighting_std: 0.5}",
    "{rand_augment: {kind: paper}}",
    "{rand_augment: {kind: timm, magnitude: 6.0}}",
    "{erase: {probability: 1.0}}",
    "{erase: {probability: 1.0, fill: mean}}",
    "{mix: {kind: mixup, alpha: 1.0}}",
    "{mix: {kind: cutmix}}",
)


def main(path: str, data_text: str = "{kind: embedded}") -> None:
    import_tensorflow()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from kresnet.data.pipeline import training_batches
    from kresnet.data.sources import open_data
    from kresnet.spec.loading import load_spec
    from kresnet.spec.recipe import Augment, Data

    read = YAML(typ="safe").load
    data = TypeAdapter(Data).validate_python(read(data_text))
    spec = load_spec("quickstart" if data.kind == "embedded" else "cifar_resnet20").value
    split = open_data(data, spec.input, seed=0).train
    rows = [row for row in ROWS if spec.input.shape[2] == 3 or "lighting" not in row]
    figure, axes = plt.subplots(len(rows) * 2, 1, figsize=(7.2, 0.98 * len(rows)), height_ratios=[0.3, 1] * len(rows))
    for text, title, axis in zip(rows, axes[::2], axes[1::2], strict=True):
        batches = training_batches(
            split, augment=Augment.model_validate(read(text)), classes=10, batch_size=COLUMNS, seed=3,
            start_step=0, stop_step=1,
        )  # fmt: skip
        images, _ = next(batches.as_numpy_iterator())
        strip = images.transpose(1, 0, 2, 3).reshape(images.shape[1], -1, images.shape[3])
        axis.imshow(strip.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        title.text(0, 0, text, family="monospace", fontsize=8, va="bottom")
        for each in (axis, title):
            each.axis("off")
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.995, hspace=0.06)
    figure.savefig(path, dpi=110)
    Image.open(path).convert("RGB").quantize(64, kmeans=1).save(path, optimize=True)  # a quarter of the bytes


if __name__ == "__main__":
    main(*sys.argv[1:])
