"""`python docs/demo_photos.py DIR`: the images that ship with kresnet, as a folder of photos."""

import sys
from pathlib import Path

from PIL import Image

from kresnet.data.embedded import CLASS_NAMES, read_embedded

arrays = read_embedded()
for split in ("train", "test"):
    for number, (image, label) in enumerate(zip(arrays[f"{split}_images"], arrays[f"{split}_labels"], strict=True)):
        folder = Path(sys.argv[1], split, CLASS_NAMES[label].replace("/", " or "))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number:05}.png")
