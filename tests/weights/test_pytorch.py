"""Networks of torchvision, timm and transformers, imported: the logits and gradients that PyTorch computed.

The weights follow `reference/rule.py` on both sides; `reference/make.py` wrote what PyTorch makes of them.
`python -m tests.weights.test_pytorch` prints the largest differences, as in docs/weights.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from kresnet.weights.convert import converted_model
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.golden.regenerate import plan_of
from tests.weights.gradient_differences import outputs_and_gradients, relative
from tests.weights.reference import rule

REFERENCE = np.load(Path(__file__).parent / "reference" / "pytorch.npz")
NETWORKS = sorted({name.rpartition("/")[0] for name in REFERENCE.files})
FAST = ("torchvision/resnet18",)


def weights_file(name: str, folder: Path) -> Path:
    """The network's tensors, by rule, as safetensors."""
    shapes = [tuple(map(int, text.split())) for text in REFERENCE[f"{name}/shapes"]]
    tensors = {each: rule.tensor(each, shape) for each, shape in zip(REFERENCE[f"{name}/tensors"], shapes, strict=True)}
    path = folder / "weights.safetensors"
    save_file({str(each): array for each, array in tensors.items()}, path)
    return path


def to_pytorch(gradient: np.ndarray) -> np.ndarray:
    """Axes as PyTorch has them."""
    return gradient.transpose(3, 2, 0, 1) if gradient.ndim == 4 else gradient.T


def compared(name: str, folder: Path) -> tuple[float, list[float]]:
    """The largest relative difference of logits; and, image by image, of any weight's gradient."""
    keras.backend.clear_session()
    logits, samples = REFERENCE[f"{name}/logits"], REFERENCE[f"{name}/gradients"]
    count, classes = logits.shape
    project, _, spec = name.partition("/")
    plan = plan_of(
        spec, "input.shape=[64,64,3]", "input.resize={kind: stretch}", f"head.classes={classes}",
        "convolution.padding=symmetric",
    )  # fmt: skip
    with open_weights(weights_file(name, folder)) as source:
        found = require_match(match_weights(plan, source, project), plan)
        model = converted_model(plan, found)
    names = {target.name: tensor.name for target, tensor in found.pairs}
    places = {str(each): index for index, each in enumerate(REFERENCE[f"{name}/parameters"])}
    images = rule.images(count, 64).astype(np.float32)
    outputs, differences = [], []
    for index, (mine, gradients) in enumerate(outputs_and_gradients(model, images, rule.targets(count, classes))):
        outputs.append(relative(mine, logits[index]))
        assert {names[each] for each in gradients} == set(places)
        each = (_difference(value, names[key], samples[index, places[names[key]]]) for key, value in gradients.items())
        differences.append(max(each))
    return max(outputs), differences


def _difference(gradient: np.ndarray, name: str, theirs: np.ndarray) -> float:
    """Of the norm, relative to the norm; of the values, to the largest."""
    ours = rule.sample(to_pytorch(gradient), name)
    return float((np.abs(ours - theirs) / np.array([theirs[0], *[theirs[1]] * 5])).max())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in NETWORKS]
)
def test_logits_and_gradients_equal_pytorchs(name, tmp_path):
    outputs, gradients = compared(name, tmp_path)
    assert outputs < 1e-4
    assert min(gradients) < 1e-4, "a wrong weight, stride or padding is wrong in every image; a kink is not"


def main() -> None:
    """A line a network."""
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            outputs, gradients = compared(name, Path(folder))
        shown = " ".join(f"{each:.1e}" for each in gradients)
        print(f"{name:28}  logits {outputs:.1e}  gradients, image by image {shown}", flush=True)


if __name__ == "__main__":
    main()
