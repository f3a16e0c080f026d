"""What each field allows alone but the fields together do not: every rule that needs no more than arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kresnet.errors import Problem
from kresnet.spec.architecture import Classifier, Features, Regressor, Spec
from kresnet.spec.blocks import BlockPlace, within
from kresnet.spec.inputs import SIXTEEN_BITS, Stretch
from kresnet.spec.stems import ConvStem, DeepStem, NoStem, PatchStem, StemPool

#: Blocks in all; the deepest network of the papers has 600.
MAX_BLOCKS = 2000


def find_contradictions(spec: Spec) -> list[Problem]:
    """Return every contradiction of the spec; empty when it describes a network."""
    rules = (
        _input_problems,
        _stem_problems,
        _stage_problems,
        _output_stride_problems,
        _neck_problems,
        _head_problems,
        _stochastic_depth_problems,
    )
    return [problem for rule in rules for problem in rule(spec)]


def stem_width(spec: Spec) -> int:
    """Return the number of channels that enter the first stage."""
    match spec.stem:
        case ConvStem() | PatchStem():
            return spec.stem.width
        case DeepStem():
            return spec.stem.widths[-1]
    return spec.input.shape[-1]


def windows_abut(pool: StemPool) -> bool:
    """Return whether a pool's windows lie side by side, and need no padding whatever their size."""
    return pool.kind != "conv" and pool.size == pool.stride and not pool.anti_alias


def _problem(path: str, message: str, **details: Any) -> Problem:
    return Problem("contradiction", message, path=path, **details)


def _input_problems(spec: Spec) -> Iterator[Problem]:
    shape, pixels = spec.input.shape, spec.input.pixels
    if len(shape) == 2:
        yield _problem("input.shape", "A shape of two numbers is neither an image nor a vector.",
                       expected="[height, width, channels] or [length]", found=str(list(shape)))  # fmt: skip
        return
    if not spec.input.is_image:
        for field in ("pixels", "resize", "background", "sample_range", "jpeg_decoding"):
            if getattr(spec.input, field) is not None:
                yield _problem(f"input.{field}", f"A vector input has no `{field}`.", remedy=f"remove `{field}`")
        if spec.input.any_size:
            yield _problem("input.any_size", "A vector has one size.", remedy="remove `any_size`")
        return
    if pixels is None:
        yield _problem("input.pixels", "An image input must say what its pixels mean.", remedy="pixels: {}")
        return
    for field in ("mean", "std"):
        if (count := len(getattr(pixels, field))) not in (1, shape[2]):
            yield _problem(f"input.pixels.{field}", f"`{field}` has {count} numbers for {shape[2]} channels.",
                           expected=f"1 or {shape[2]} numbers")  # fmt: skip
    if pixels.range[0] == pixels.range[1]:
        yield _problem("input.pixels.range", "The range is empty.", expected="two different numbers")
    if pixels.channel_order == "bgr" and shape[2] != 3:
        yield _problem("input.pixels.channel_order", f"An image of {shape[2]} channels has no BGR order.")
    low, high = spec.input.sample_range or SIXTEEN_BITS
    if low >= high:
        yield _problem("input.sample_range", "The range of samples is empty.", expected="two numbers, the lower first",
                       found=f"[{low}, {high}]")  # fmt: skip
    resize = spec.input.resize
    if resize is not None and resize.interpolation == "nearest" and spec.input.jpeg_decoding == "scaled":
        yield _problem("input.jpeg_decoding", "`nearest` takes single pixels of the image, which scaling mixes.",
                       expected="full", found="scaled", remedy="remove `jpeg_decoding`")  # fmt: skip
    if resize is not None and not isinstance(resize, Stretch) and resize.shorter_side < max(shape[:2]):
        yield _problem("input.resize.shorter_side", "The shorter side is smaller than the cut.",
                       expected=f"at least {max(shape[:2])}", found=str(resize.shorter_side))  # fmt: skip


def _stem_problems(spec: Spec) -> Iterator[Problem]:
    if isinstance(spec.stem, NoStem):
        return
    if not spec.input.is_image:
        yield _problem("stem.kind", f"A stem of kind {spec.stem.kind} needs an image; the input is a vector.",
                       expected="kind: none")  # fmt: skip
    widths = spec.stem.widths if isinstance(spec.stem, DeepStem) else (spec.stem.width,)
    for width in widths:
        yield from within("norm", spec.norm.contradictions(width, "the stem"))
    if spec.convolution.padding == "symmetric":
        sizes = {"stem.kernel": spec.stem.kernel} if isinstance(spec.stem, ConvStem) else {}
        if spec.stem.pool and not windows_abut(spec.stem.pool):
            sizes["stem.pool.size"] = spec.stem.pool.size
        for path, size in sizes.items():
            if size % 2 == 0:
                yield _problem(path, f"A window of {size} cannot be padded symmetrically.", expected="an odd number")


def _stage_problems(spec: Spec) -> Iterator[Problem]:
    kinds = {stage.block.kind for stage in spec.stages}
    if spec.block.kind not in kinds:
        yield Problem("no_effect", f"No stage has blocks of kind {spec.block.kind}: each states another.",
                      path="block.kind", expected=" or ".join(sorted(kinds)), found=spec.block.kind)  # fmt: skip
    if (total := sum(stage.blocks for stage in spec.stages)) > MAX_BLOCKS:
        yield _problem("stages", f"The stages have {total} blocks in all.", expected=f"at most {MAX_BLOCKS}")
    incoming = stem_width(spec)
    for number, stage in enumerate(spec.stages, 1):
        block, path = stage.block, f"stages.{number - 1}.block"
        if spec.input.is_image != block.takes_maps:
            needs, given = ("a vector", "an image") if spec.input.is_image else ("an image", "a vector")
            yield _problem(f"{path}.kind", f"A block of kind {block.kind} needs {needs}; the input is {given}.")
        place = BlockPlace(number, stage.width, incoming, spec.convolution.padding, stage.blocks)
        yield from within(path, block.contradictions(place))
        incoming = block.output_width(stage.width)


def _output_stride_problems(spec: Spec) -> Iterator[Problem]:
    if spec.output_stride is None:
        return
    total = 1
    if not isinstance(spec.stem, NoStem):
        total = spec.stem.stride * (spec.stem.pool.stride if spec.stem.pool else 1)
    reached = [total]
    for stage in spec.stages:
        reached.append(reached[-1] * stage.stride)
    if spec.output_stride not in reached:
        steps = ", ".join(str(stride) for stride in dict.fromkeys(reached))
        yield _problem("output_stride", f"The strides of stem and stages give {steps}, never {spec.output_stride}.",
                       expected=f"one of {steps}", found=str(spec.output_stride))  # fmt: skip


def _neck_problems(spec: Spec) -> Iterator[Problem]:
    if spec.neck is None or not spec.neck.width:
        return
    if not spec.input.is_image:
        yield _problem("neck.width", "A convolution needs a map; the input is a vector.", remedy="neck: {}")
    yield from within("norm", spec.norm.contradictions(spec.neck.width, "the neck"))


def _head_problems(spec: Spec) -> Iterator[Problem]:
    head = spec.head
    if isinstance(head, Classifier | Regressor):
        if not spec.input.is_image and head.pool != "none":
            yield _problem("head.pool", f"A vector has nothing to pool by {head.pool}.", remedy="pool: none")
        if head.norm and head.pool == "none" and spec.input.is_image:
            yield _problem("head.norm", "A norm of the head is one of a pooled map.", remedy="pool: average")
        elif head.norm:
            last = spec.neck.width if spec.neck and spec.neck.width else None
            channels = last or spec.stages[-1].block.output_width(spec.stages[-1].width)
            yield from within("head.norm", head.norm.contradictions(channels, "the head"))
        if spec.input.any_size and head.pool == "none":
            yield _problem("head.pool", "Maps of any size cannot be flattened for a dense layer.",
                           expected="average or max")  # fmt: skip
    elif isinstance(head, Features):
        for stage in head.stages:
            if stage > len(spec.stages):
                yield _problem("head.stages", f"There is no stage {stage}.",
                               expected=f"1 to {len(spec.stages)}", found=str(stage))  # fmt: skip
        if list(head.stages) != sorted(set(head.stages)):
            yield _problem("head.stages", "Stages must rise, each named once.", found=str(list(head.stages)))
        elif head.stages[-1] < len(spec.stages):
            yield _problem("head.stages", f"Nothing reads the stages after {head.stages[-1]}.",
                           expected=f"{len(spec.stages)} as the last")  # fmt: skip


def _stochastic_depth_problems(spec: Spec) -> Iterator[Problem]:
    if spec.stochastic_depth:
        for index, stage in enumerate(spec.stages):
            if not stage.block.has_shortcut:
                yield _problem("stochastic_depth", f"A block without a shortcut cannot be dropped (stage {index + 1}).",
                               remedy="stochastic_depth: 0")  # fmt: skip


__all__ = ["find_contradictions", "stem_width", "windows_abut"]
