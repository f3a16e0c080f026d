"""Pair a plan's parameters with a file's tensors, and say all that does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.plan import Parameter, Plan, Record
from kresnet.weights.layouts import LAYOUTS, Layout
from kresnet.weights.source import WeightFile
from kresnet.weights.tensor import WeightTensor, as_parameter, expected_shapes

_FLOATS = ("float16", "bfloat16", "float32", "float64")

#: What wrappers put before every name: DataParallel, Lightning.
_PREFIXES = ("module.", "model.")


@dataclass(frozen=True, slots=True)
class MatchTarget:
    """A parameter of the plan.

    Attributes:
        map_shape: of the map that was flattened before a dense layer; else empty.
        wanted: name of the tensor that the layout gives it; None where the layout has no such layer.
    """

    record: Record
    parameter: Parameter
    map_shape: tuple[int, ...]
    wanted: str | None

    @property
    def name(self) -> str:
        return f"{self.record.name}/{self.parameter.name}"


@dataclass(frozen=True, slots=True)
class WeightMatch:
    """What fits, and what does not.

    Attributes:
        pairs: parameters and the tensors that they are loaded from.
        missing: parameters without a tensor.
        wrong: parameters whose tensor has another shape or is no array of floats.
        unused: tensors that nothing is loaded from.
    """

    source: WeightFile
    layout: Layout
    prefix: str
    pairs: list[tuple[MatchTarget, WeightTensor]]
    missing: list[MatchTarget]
    wrong: list[tuple[MatchTarget, WeightTensor]]
    unused: list[str]

    def arrays(self) -> Iterator[tuple[MatchTarget, np.ndarray]]:
        """Each pair's values as the model wants them, float32.

        Raises:
            KresnetError: `weights_mismatch` if values are infinite or no numbers.
        """
        bad: list[str] = []
        for target, tensor in self.pairs:
            array = as_parameter(tensor.read(), target.parameter, self.source.format, target.map_shape)
            if np.isfinite(array).all():
                yield target, array
            else:
                bad.append(tensor.name)
        if bad:
            message = f"Values in {self.source.path} are infinite or no numbers."
            raise make_error("weights_mismatch", message, found=_list(bad))


def match_weights(plan: Plan, source: WeightFile, layout: str = "auto") -> WeightMatch:
    """Pair by the names of a layout; `auto` takes the one under which most fits.

    Raises:
        KresnetError: `bad_option` for a layout that is unknown or of another kind of file; `weights_mismatch` if no
            name of the file is known to any layout.
    """
    candidates = _candidates(source, layout)
    found = max((_match(plan, source, each) for each in candidates), key=lambda each: len(each.pairs) + len(each.wrong))
    if not found.pairs and not found.wrong:
        names = ", ".join(each.name for each in candidates)
        raise make_error(
            "weights_mismatch",
            f"No tensor of {source.path} has a name that {plan.name} would have in the layout {names}.",
            expected=_list([target.wanted for target in found.missing if target.wanted]),
            found=_list(sorted(source.tensors)),
        )
    return found


def _candidates(source: WeightFile, layout: str) -> list[Layout]:
    fitting = [each for each in LAYOUTS.values() if each.format == source.format]
    if layout == "auto":
        return fitting
    if layout not in LAYOUTS:
        names = ["auto", *LAYOUTS]
        message = f"There is no layout `{layout}`."
        raise make_error("bad_option", message, expected=", ".join(names), nearest=nearest(layout, names))
    if LAYOUTS[layout] not in fitting:
        kind = "safetensors" if source.format == "pytorch" else "a Keras file"
        expected = ", ".join(["auto", *(each.name for each in fitting)])
        raise make_error(
            "bad_option", f"{source.path} is {kind}; layout {layout} is of another kind.", expected=expected
        )
    return [LAYOUTS[layout]]


def _match(plan: Plan, source: WeightFile, layout: Layout) -> WeightMatch:
    prefix = next((each for each in _PREFIXES if all(name.startswith(each) for name in source.tensors)), "")
    tensors = {name.removeprefix(prefix): tensor for name, tensor in source.tensors.items()}
    found = WeightMatch(source, layout, prefix, [], [], [], [])
    taken = set()
    for target in _targets(plan, layout):
        tensor = tensors.get(target.wanted or "")
        if tensor is None:
            found.missing.append(target)
            continue
        fits = tensor.type in _FLOATS and tensor.shape in expected_shapes(target.parameter, source.format)
        (found.pairs if fits else found.wrong).append((target, tensor))
        taken.add(tensor.name)
    rest = (tensor.name for tensor in source.tensors.values() if tensor.name not in taken)
    found.unused.extend(sorted(name for name in rest if not name.endswith(layout.ignored or ("\0",))))
    return found


def _targets(plan: Plan, layout: Layout) -> Iterator[MatchTarget]:
    for record in plan.records:
        before = plan.by_name[record.inputs[0]] if record.inputs else record
        flattened = plan.by_name[before.inputs[0]].shape if before.kind == "flatten" else ()
        for parameter in record.parameters:
            yield MatchTarget(record, parameter, flattened, layout.tensor(record, parameter, plan))


def require_match(
    found: WeightMatch, plan: Plan, allow_missing: Sequence[str] = (), allow_unused: Sequence[str] = ()
) -> WeightMatch:
    """The match, all of whose gaps are allowed by name.

    A name allows what it names and all within: `head` allows `head.logits/kernel`. Parameters may be named by the
    plan's name or by the tensor's. What has the wrong shape is left as the model starts if both sides are allowed.

    Raises:
        KresnetError: `weights_mismatch`, naming everything that does not fit; `bad_option` for a name of nothing.
    """
    every = [*((t, tensor.name) for t, tensor in [*found.pairs, *found.wrong]), *((t, t.wanted) for t in found.missing)]
    _refuse_unknown("--allow-missing", allow_missing, {name for t, wanted in every for name in (t.name, wanted or "")})
    _refuse_unknown("--allow-unused", allow_unused, set(found.source.tensors))

    def may_miss(target: MatchTarget, wanted: str | None) -> bool:
        return any(_within(name, each) for name in (target.name, wanted or "") for each in allow_missing)

    def may_rest(name: str) -> bool:
        return any(_within(name, each) for each in allow_unused)

    missing = [target for target in found.missing if not may_miss(target, target.wanted)]
    wrong = [(t, tensor) for t, tensor in found.wrong if not (may_miss(t, tensor.name) and may_rest(tensor.name))]
    unused = [name for name in found.unused if not may_rest(name)]
    if problems := list(_problems(found, plan, missing, wrong, unused)):
        raise KresnetError(problems)
    return found


def _problems(
    found: WeightMatch,
    plan: Plan,
    missing: list[MatchTarget],
    wrong: list[tuple[MatchTarget, WeightTensor]],
    unused: list[str],
) -> Iterator[Problem]:
    path, layout = found.source.path, found.layout.name
    if missing:
        yield Problem(
            "weights_mismatch",
            f"{_count(missing, 'weight')} of {plan.name} {_are(missing)} not in {path} (layout {layout}).",
            expected=_list(f"{t.wanted} for {t.name} {t.parameter.shape}" if t.wanted else
                           f"{t.name} {t.parameter.shape}, which the layout has no name for" for t in missing),
            remedy=_allowing("--allow-missing", [t.name for t in missing]),
        )  # fmt: skip
    if wrong:
        options = _allowing("--allow-missing", [target.name for target, _ in wrong])
        options += options and " " + _allowing("--allow-unused", [tensor.name for _, tensor in wrong])
        yield Problem(
            "weights_mismatch",
            f"{_count(wrong, 'tensor')} of {path} {_are(wrong)} of another shape or type than {plan.name} needs.",
            found=_list(f"{tensor.name} {tensor.shape} {tensor.type}; {target.name} needs "
                        f"{expected_shapes(target.parameter, found.source.format)[0]}" for target, tensor in wrong),
            remedy=options,
        )  # fmt: skip
    if unused:
        yield Problem(
            "weights_mismatch",
            f"{_count(unused, 'tensor')} of {path} {_are(unused)} for no weight of {plan.name} (layout {layout}).",
            found=_list(unused),
            remedy=_allowing("--allow-unused", unused),
        )


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) > 1)}"


def _are(things: Sequence[object]) -> str:
    return "are" if len(things) > 1 else "is"


def _list(lines: Iterable[str]) -> str:
    """One a line, each indented under the problem that they belong to."""
    lines = list(lines)
    return lines[0] if len(lines) == 1 else "".join(f"\n    {line}" for line in lines)


def _allowing(option: str, names: Sequence[str]) -> str:
    """The options that let a few layers differ, as a new head does; many that differ are another network."""
    layers = list(dict.fromkeys(name.rpartition("/")[0] or name.rpartition(".")[0] for name in names))
    return " ".join(f"{option} {layer}" for layer in layers) if len(layers) <= 2 else ""


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith((f"{part}.", f"{part}/"))


def _refuse_unknown(option: str, allowed: Sequence[str], names: set[str]) -> None:
    problems = [
        Problem("bad_option", f"{option} {each} names nothing.", nearest=nearest(each, sorted(names)))
        for each in allowed
        if not any(_within(name, each) for name in names)
    ]
    if problems:
        raise KresnetError(problems)


__all__ = ["MatchTarget", "WeightMatch", "match_weights", "require_match"]
