"""How a network grows or shrinks by one number: which settings of a spec a rule changes, and how they are rounded.

A rule multiplies depth, width and resolution by its own three bases to the power of `phi`; `phi` 0 is the network
itself. Multiply-accumulates grow with depth, and with the squares of width and of resolution.

- Depth: the blocks of each stage, rounded up (Tan and Le 2019; `round_repeats` of their code), one at least.
- Width: that of each stage and of each of the stem's convolutions, and `block.hidden`; rounded to the nearest multiple,
  but never down by more than a tenth (`round_filters` of their code). A multiple of 8 unless stated, and of all that
  must divide it: groups of the 3x3, `width_per_group`, `reduce_first`, groups of the norm, `reduction` of
  squeeze-excite. A width that is no such multiple itself stays one of the greatest number that divides both, so that
  `phi` 0 changes nothing.
- Resolution: height and width of `input.shape`, rounded to a multiple of the network's total stride by the same rule;
  `input.resize.shorter_side` in proportion.

Everything else stays: classes or outputs of the head, expansion, groups and channels in a group, reduction of
squeeze-excite (a ratio, and so its units follow), kernels, strides, rates. A network without a head hands out values of
its last stage's shape, which is given by the task: that width and its resolution stay as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from math import ceil, gcd, lcm, prod
from typing import Any

from kresnet.errors import make_error, nearest
from kresnet.spec.architecture import NoHead, Spec, Stage
from kresnet.spec.inputs import CenterCrop
from kresnet.spec.rounding import round_to_multiple
from kresnet.spec.stems import DeepStem, NoStem


@dataclass(frozen=True, slots=True)
class ScalingRule:
    """What depth, width and resolution are multiplied by, each to the power of `phi`; and who proposed it."""

    name: str
    depth: float
    width: float
    resolution: float
    source: str

    def factors(self, phi: float) -> tuple[float, float, float]:
        """Return what depth, width and resolution are multiplied by."""
        return self.depth**phi, self.width**phi, self.resolution**phi

    @property
    def growth(self) -> float:
        """What multiply-accumulates are about multiplied by when `phi` grows by one."""
        return self.depth * self.width**2 * self.resolution**2


#: The rules by name. Those of one dimension double the multiply-accumulates at `phi` 1; the bases of `compound` (alpha,
#: beta and gamma) are those that Tan and Le found for EfficientNet-B0, section 4.
RULES = {
    rule.name: rule
    for rule in (
        ScalingRule("depth", 2, 1, 1, "Tan and Le 2019, arXiv:1905.11946, section 3.2"),
        ScalingRule("width", 1, 2**0.5, 1, "Howard et al. 2017, arXiv:1704.04861, section 3.3"),
        ScalingRule("resolution", 1, 1, 2**0.5, "Howard et al. 2017, arXiv:1704.04861, section 3.4"),
        ScalingRule("compound", 1.2, 1.1, 1.15, "Tan and Le 2019, arXiv:1905.11946, equation 3"),
    )
}  # fmt: skip

#: What widths are multiples of, as in EfficientNet and in pycls's RegNet.
WIDTH_MULTIPLE = 8


def find_rule(name: str) -> ScalingRule:
    """Return a rule by its name.

    Raises:
        KresnetError: `bad_option`.
    """
    if name not in RULES:
        raise make_error("bad_option", f"There is no rule `{name}` to scale by.", expected=", ".join(RULES),
                         nearest=nearest(name, list(RULES)))  # fmt: skip
    return RULES[name]


def round_width(width: float, multiple: int) -> int:
    """Return the multiple nearest to a width, at least one, and never less than nine tenths of the width."""
    return round_to_multiple(width, multiple, least_share=0.9)


def round_depth(blocks: float) -> int:
    """Return a number of blocks rounded up, at least one; a billionth is allowed for floating point."""
    return max(1, ceil(blocks - 1e-9))


class ScaledSettings:
    """The settings of one spec that scaling changes, computed for any three factors."""

    def __init__(self, spec: Spec, document: Mapping[str, Any], multiple: int = WIDTH_MULTIPLE) -> None:
        """Find the settings, and what each must be a multiple of.

        Args:
            spec: the network.
            document: what it was validated from, which tells where `hidden` is stated.
            multiple: what widths are multiples of, where those of the network are.
        """
        self._blocks = {f"stages.{index}.blocks": stage.blocks for index, stage in enumerate(spec.stages)}
        self._widths = dict(_widths(spec, document, multiple))
        scalable = spec.input.is_image and not isinstance(spec.head, NoHead)
        self._shape = spec.input.shape if scalable else None
        self._stride = total_stride(spec)
        self._resize = spec.input.resize if isinstance(spec.input.resize, CenterCrop) else None

    def scaled(self, depth: float, width: float, resolution: float) -> dict[str, Any]:
        """Return every such setting, by its path, multiplied and rounded; what a factor of 1 is for stays as it is."""
        settings: dict[str, Any] = {path: round_depth(blocks * depth) for path, blocks in self._blocks.items()}
        for path, widths in self._widths.items():
            rounded = [round_width(each * width, multiple) for each, multiple in widths]
            settings[path] = rounded if path == "stem.widths" else rounded[0]
        if self._shape:
            height, breadth, channels = self._shape
            sides = [self._side(height, resolution), self._side(breadth, resolution)]
            settings["input.shape"] = [*sides, channels]
            if self._resize:
                longer = round(self._resize.shorter_side * max(sides) / max(height, breadth))
                settings["input.resize.shorter_side"] = max(longer, *sides)
        return settings

    def _side(self, pixels: int, resolution: float) -> int:
        """A side of the image, no shorter than the total stride, which one pixel of the last map is, unless it was."""
        multiple = gcd(pixels, self._stride)
        least = min(pixels, -(-self._stride // multiple) * multiple)
        return max(least, round_width(pixels * resolution, multiple))


def total_stride(spec: Spec) -> int:
    """Return how many pixels of the input one pixel of the last map stands for, each way."""
    strides = [stage.stride for stage in spec.stages]
    if not isinstance(spec.stem, NoStem):
        strides += [spec.stem.stride, spec.stem.pool.stride if spec.stem.pool else 1]
    return min(prod(strides), spec.output_stride or prod(strides))


def _widths(spec: Spec, document: Mapping[str, Any], multiple: int) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Path of each width, or list of widths, with the numbers there and what each must be a multiple of."""
    stem_needs = lcm(spec.norm.channel_multiple, spec.stages[0].block.read_multiple)
    if isinstance(spec.stem, DeepStem):
        yield "stem.widths", [(each, _multiple(each, multiple, stem_needs)) for each in spec.stem.widths]
    elif not isinstance(spec.stem, NoStem):
        yield "stem.width", [(spec.stem.width, _multiple(spec.stem.width, multiple, stem_needs))]
    for index, stage in enumerate(spec.stages):
        following = spec.stages[index + 1 : index + 2]
        if following or not isinstance(spec.head, NoHead):
            needs = _stage_needs(stage, following[0] if following else None)
            yield f"stages.{index}.width", [(stage.width, _multiple(stage.width, multiple, needs))]
    yield from _inner_widths(spec, document, multiple)


def _inner_widths(
    spec: Spec, document: Mapping[str, Any], multiple: int
) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Widths within blocks, such as `hidden` of dense ones, wherever the document states them."""
    stated = {"block": document["block"]}
    stated |= {f"stages.{index}.block": stage.get("block") for index, stage in enumerate(document.get("stages") or ())}
    needs = reduce(lcm, (stage.block.width_multiple(1) for stage in spec.stages))
    names = dict.fromkeys(name for stage in spec.stages for name in stage.block.width_settings)
    for path, block in stated.items():
        for name in names:
            width = block.get(name) if isinstance(block, dict) else None
            if width is not None:
                yield f"{path}.{name}", [(width, _multiple(width, multiple, needs))]


def _multiple(width: int, preferred: int, needed: int) -> int:
    """What a width is rounded to a multiple of: what it must be, and as much of the preferred as it is itself."""
    return lcm(gcd(width, preferred), needed)


def _stage_needs(stage: Stage, following: Stage | None) -> int:
    """What must divide the width of a stage, by `kresnet.spec.contradictions`."""
    return stage.block.width_multiple(following.block.read_multiple if following else 1)


__all__ = ["RULES", "WIDTH_MULTIPLE", "ScaledSettings", "ScalingRule", "find_rule", "round_depth", "round_width",
           "total_stride"]  # fmt: skip
