"""Match a plan's parameters with the tensors of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kresnet.errors import Listing, make_error, nearest
from kresnet.plan import Parameter, Plan, Record
from kresnet.weights.files.tensor import WeightTensor, expected_shapes, to_parameter, with_other_channels
from kresnet.weights.files.weight_file import WeightFile
from kresnet.weights.layouts import LAYOUTS, Layout

_FLOATS = ("float16", "bfloat16", "float32", "float64")

#: What wrappers put before names: DataParallel, Lightning, torch.compile, detectors, self-supervised training.
_WRAPPER_PREFIXES = ("module.", "model.", "_orig_mod.", "backbone.body.", "backbone.", "timm_model.", "encoder.")

_FIRST_KERNELS = ("stem.conv/kernel", "stem.conv1/kernel")

#: Wrappers within one another, and chains of them that are tried.
_MOST_WRAPPERS, _MOST_CHAINS = 4, 12


@dataclass(frozen=True, slots=True)
class MatchTarget:
    """A parameter of the plan that a tensor is to be found for.

    Attributes:
        record: the record that the parameter belongs to.
        parameter: the parameter.
        map_shape: shape of the map that is flattened before a dense layer; empty for other layers.
        source_name: name of the parameter's tensor in the layout; None where the layout has no such layer.
    """

    record: Record
    parameter: Parameter
    map_shape: tuple[int, ...]
    source_name: str | None

    @property
    def name(self) -> str:
        """The parameter's name in the plan, `LAYER/PARAMETER`."""
        return f"{self.record.name}/{self.parameter.name}"


@dataclass(frozen=True, slots=True)
class WeightMatch:
    """How the parameters of a plan match the tensors of a file.

    Attributes:
        source: the file.
        layout: the layout whose names were matched.
        prefix: what wrappers put before names in the file; empty for none.
        pairs: parameters and the tensors that they are loaded from.
        missing: parameters without a tensor.
        mismatched: parameters whose tensor has another shape or is no array of floats.
        unused: tensors that nothing is loaded from.
    """

    source: WeightFile
    layout: Layout
    prefix: str
    pairs: list[tuple[MatchTarget, WeightTensor]]
    missing: list[MatchTarget]
    mismatched: list[tuple[MatchTarget, WeightTensor]]
    unused: list[str]

    @property
    def renamed_head(self) -> str:
        """Name of the layer that is taken for the head although the layout has another name for it; empty for none."""
        heads = (each for each in [*self.pairs, *self.mismatched] if each[0].name == "head.logits/kernel")
        names = ((target.source_name, tensor.name) for target, tensor in heads)
        return next((_layer_of(name) for own, name in names if name != f"{self.prefix}{own}"), "")

    def other_channels(self) -> tuple[MatchTarget, WeightTensor] | None:
        """Return the first convolution's kernel and its tensor if only one of them is for grey pictures."""
        kernels = (pair for pair in [*self.mismatched, *self.pairs] if pair[0].name in _FIRST_KERNELS)
        for target, tensor in kernels:
            channels, form = target.parameter.shape[2], self.source.format
            alike = with_other_channels(tensor.shape, channels, form) in expected_shapes(target.parameter, form)
            read = tensor.shape[1 if form == "pytorch" else 2] if alike else channels
            if read != channels and 1 in (read, channels) and tensor.type in _FLOATS:
                return target, tensor
        return None

    def arrays(self) -> Iterator[tuple[MatchTarget, np.ndarray]]:
        """Yield each matched parameter and its values in the model's arrangement, float32.

        Raises:
            KresnetError: `weights_mismatch` if values are infinite or no numbers.
        """
        not_finite: list[str] = []
        for target, tensor in self.pairs:
            array = to_parameter(tensor.read(), target.parameter, self.source.format, target.map_shape)
            if np.isfinite(array).all():
                yield target, array
            else:
                not_finite.append(tensor.name)
        if not_finite:
            message = f"Values in {self.source.path} are infinite or no numbers."
            raise make_error("weights_mismatch", message, found=Listing(not_finite))


def match_weights(plan: Plan, source: WeightFile, layout: str = "auto", *, adapt_channels: bool = False) -> WeightMatch:
    """Match a plan's parameters with a file's tensors by name.

    Args:
        plan: the network to load.
        source: the file.
        layout: name of a layout, or `auto`, which takes the layout under which most tensors match.
        adapt_channels: let the first convolution's kernel be for colour pictures, the plan for grey ones, or reversely.

    Raises:
        KresnetError: `bad_option` for a layout that is unknown or of another kind of file; `weights_mismatch` if no
            name of the file is known to any layout.
    """
    candidates = _candidate_layouts(source, layout)
    match = max(
        (_match_layout(plan, source, each, prefix) for each in candidates for prefix in _prefixes(source, each)),
        key=lambda each: len(each.pairs) + len(each.mismatched),
    )
    for target, tensor in list(_head_of_another_name(match)):  # behind the choice of a layout: one may have its name
        match.missing.remove(target)
        match.unused.remove(tensor.name)
        (match.pairs if _fits(target, tensor, source) else match.mismatched).append((target, tensor))
    if adapt_channels and (adaptable := match.other_channels()):
        match.mismatched.remove(adaptable)
        match.pairs.append(adaptable)
    if not match.pairs and not match.mismatched:
        names = ", ".join(dict.fromkeys(each.name for each in candidates))
        raise make_error(
            "weights_mismatch",
            f"No tensor of {source.path} has a name that {plan.name} would have in the layout {names}.",
            expected=Listing([target.source_name for target in match.missing if target.source_name]),
            found=Listing(sorted(source.tensors)),
        )
    return match


def _candidate_layouts(source: WeightFile, layout: str) -> list[Layout]:
    fitting = [
        each for own in LAYOUTS.values() if own.format == source.format for each in (own, *own.families.values())
    ]
    if layout == "auto":
        return fitting
    if layout not in LAYOUTS:
        names = ["auto", *LAYOUTS]
        message = f"There is no layout `{layout}`."
        raise make_error("bad_option", message, expected=", ".join(names), nearest=nearest(layout, names))
    if not (named := [each for each in fitting if each.name == layout]):
        kind = "PyTorch's" if source.format == "pytorch" else "a Keras file"
        expected = ", ".join(dict.fromkeys(["auto", *(each.name for each in fitting)]))
        raise make_error(
            "bad_option", f"{source.path} is {kind}; layout {layout} is of another kind.", expected=expected
        )
    return named


def _prefixes(source: WeightFile, layout: Layout) -> list[str]:
    """Return what may stand before the layout's names in a file: a model's own name, or what wrappers put there."""
    if layout.prefix_before:
        names = (name for name in source.tensors if name.endswith(layout.prefix_before))
        return [f"{name.removesuffix(layout.prefix_before)}_" for name in names] or [""]
    return _wrapper_prefixes(source) if source.format == "pytorch" else [""]


def _wrapper_prefixes(source: WeightFile) -> list[str]:
    """Return what wrappers may have put before the names of a file of PyTorch's, none first."""
    counts: Counter[str] = Counter()
    for name in source.tensors:
        prefix = ""
        for _ in range(_MOST_WRAPPERS):
            following = next((each for each in _WRAPPER_PREFIXES if name.startswith(each, len(prefix))), "")
            if not following:
                break
            if following == "backbone.body.":
                counts[f"{prefix}backbone."] += 1
            prefix += following
            counts[prefix] += 1
    return ["", *(prefix for prefix, _ in counts.most_common(_MOST_CHAINS))]


def _match_layout(plan: Plan, source: WeightFile, layout: Layout, prefix: str) -> WeightMatch:
    tensors = {name.removeprefix(prefix): each for name, each in source.tensors.items() if name.startswith(prefix)}
    match = WeightMatch(source, layout, prefix, [], [], [], [])
    taken = set()
    for target in _match_targets(plan, layout):
        tensor = tensors.get(target.source_name or "")
        if tensor is None:
            match.missing.append(target)
            continue
        (match.pairs if _fits(target, tensor, source) else match.mismatched).append((target, tensor))
        taken.add(tensor.name)
    rest = (tensor.name for tensor in source.tensors.values() if tensor.name not in taken)
    match.unused.extend(sorted(name for name in rest if not name.endswith(layout.ignored or ("\0",))))
    return match


def _fits(target: MatchTarget, tensor: WeightTensor, source: WeightFile) -> bool:
    return tensor.type in _FLOATS and tensor.shape in expected_shapes(target.parameter, source.format)


def _head_of_another_name(match: WeightMatch) -> Iterator[tuple[MatchTarget, WeightTensor]]:
    """Yield the weights of a head and the tensors of the one dense layer that is left, where all else is matched."""
    heads = [target for target in match.missing if target.record.kind == "dense" and target.name.startswith("head.")]
    apart_from_colours = [pair for pair in match.mismatched if pair != match.other_channels()]
    if not match.pairs or apart_from_colours or len(heads) != len(match.missing) or not heads:
        return
    left = [match.source.tensors[name] for name in match.unused]
    kernels = [tensor for tensor in left if len(tensor.shape) > 1]
    features = heads[0].parameter.shape[0]
    if len(kernels) != 1 or features != kernels[0].shape[1 if match.source.format == "pytorch" else 0]:
        return
    layer = _layer_of(kernels[0].name)
    for target in heads:
        yield from ((target, each) for each in left if _layer_of(each.name) == layer and
                    (len(each.shape) > 1) == (target.parameter.name == "kernel"))  # fmt: skip


def _layer_of(tensor: str) -> str:
    """Return the name of the layer that a tensor of a file is of."""
    return tensor.rpartition("/")[0] or tensor.rpartition(".")[0]


def _match_targets(plan: Plan, layout: Layout) -> Iterator[MatchTarget]:
    for record in plan.records:
        before = plan.by_name[record.inputs[0]] if record.inputs else record
        flattened = plan.by_name[before.inputs[0]].shape if before.kind == "flatten" else ()
        for parameter in record.parameters:
            yield MatchTarget(record, parameter, flattened, layout.tensor(record, parameter, plan))


__all__ = ["MatchTarget", "WeightMatch", "match_weights"]
