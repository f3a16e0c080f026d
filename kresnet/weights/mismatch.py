"""Require that a plan and a file of weights fit, or tell everything that does not, and what would allow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kresnet.errors import KresnetError, Listing, Problem, nearest, shell_word
from kresnet.plan import Plan
from kresnet.weights.files.tensor import WeightTensor, expected_shapes
from kresnet.weights.matching import MatchTarget, WeightMatch


def require_match(
    match: WeightMatch, plan: Plan, allow_missing: Sequence[str] = (), allow_unused: Sequence[str] = ()
) -> WeightMatch:
    """Return the match unchanged; every parameter and tensor without a counterpart must be allowed by name.

    A name allows what it names and all within: `head` allows `head.logits/kernel`. Parameters may be named by the
    plan's name or by the tensor's. A tensor of the wrong shape is left out if both sides are allowed.

    Args:
        match: the match to examine.
        plan: the network to load.
        allow_missing: names of parameters that need no tensor.
        allow_unused: names of tensors that need no parameter.

    Raises:
        KresnetError: `weights_mismatch`, naming everything that does not fit; `bad_option` for a name of nothing.
    """
    every = [
        *((t, tensor.name) for t, tensor in [*match.pairs, *match.mismatched]),
        *((t, t.source_name) for t in match.missing),
    ]
    _require_known_names(
        "--allow-missing", allow_missing, {name for t, source_name in every for name in (t.name, source_name or "")}
    )
    operations = match.source.graph.operations.values() if match.source.graph else ()
    _require_known_names("--allow-unused", allow_unused, {*match.source.tensors, *(each.layer for each in operations)})

    def may_be_missing(target: MatchTarget, source_name: str | None) -> bool:
        return any(_is_within(name, each) for name in (target.name, source_name or "") for each in allow_missing)

    def may_be_unused(name: str) -> bool:
        return any(_is_within(name, each) for each in allow_unused)

    missing = [target for target in match.missing if not may_be_missing(target, target.source_name)]
    mismatched = [
        (t, tensor)
        for t, tensor in match.mismatched
        if not (may_be_missing(t, tensor.name) and may_be_unused(tensor.name))
    ]
    unused = [name for name in match.unused if not may_be_unused(name)]
    if problems := list(_mismatch_problems(match, plan, missing, mismatched, unused)):
        raise KresnetError(problems)
    return match


def _mismatch_problems(
    match: WeightMatch,
    plan: Plan,
    missing: list[MatchTarget],
    mismatched: list[tuple[MatchTarget, WeightTensor]],
    unused: list[str],
) -> Iterator[Problem]:
    path, layout = match.source.path, match.layout.name
    if missing:
        yield Problem(
            "weights_mismatch",
            f"{_count(missing, 'weight')} of {plan.name} {_is_or_are(missing)} not in {path} (layout {layout}).",
            expected=Listing(f"{t.source_name} for {t.name} {t.parameter.shape}" if t.source_name else
                           f"{t.name} {t.parameter.shape}, which the layout has no name for" for t in missing),
            remedy=_allow_options("--allow-missing", [t.name for t in missing]),
        )  # fmt: skip
    if mismatched:
        options = _allow_options("--allow-missing", [target.name for target, _ in mismatched])
        options += options and " " + _allow_options("--allow-unused", [tensor.name for _, tensor in mismatched])
        if match.other_channels() and len(mismatched) == 1:
            options = "--adapt-channels"
        elif all(target.record.name == "head.logits" for target, _ in mismatched):
            classes = mismatched[-1][1].shape[0 if match.source.format == "pytorch" else -1]
            options = f"--set head.classes={classes}, or a head that begins anew: {options}"
        yield Problem(
            "weights_mismatch",
            f"{_count(mismatched, 'tensor')} of {path} {_is_or_are(mismatched)} of another shape or type than "
            f"{plan.name} needs.",
            found=Listing(
                f"{tensor.name} {tensor.shape} {tensor.type}; {target.name} needs "
                f"{expected_shapes(target.parameter, match.source.format)[0]}"
                for target, tensor in mismatched
            ),
            remedy=options,
        )  # fmt: skip
    if unused:
        yield Problem(
            "weights_mismatch",
            f"{_count(unused, 'tensor')} of {path} {_is_or_are(unused)} for no weight of {plan.name} "
            f"(layout {layout}).",
            found=Listing(unused),
            remedy=_allow_options("--allow-unused", unused, match.prefix),
        )


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) > 1)}"


def _is_or_are(things: Sequence[object]) -> str:
    return "are" if len(things) > 1 else "is"


def _allow_options(option: str, names: Sequence[str], prefix: str = "") -> str:
    """Return the options that allow one or two layers, such as a new head; empty for more: that is another network.

    Where a wrapper's prefix stands before the network's names, what is around the network is named as large as may be,
    such as `rpn` of a detector.
    """
    within = [name for name in names if name.startswith(prefix)]
    layers = list(dict.fromkeys(name.rpartition("/")[0] or name.rpartition(".")[0] or name for name in within))
    around = list(dict.fromkeys(_largest_part(name, prefix) for name in names if not name.startswith(prefix)))
    few = len(layers) <= 2 and len(around) <= 4
    return " ".join(f"{option} {shell_word(part)}" for part in [*layers, *around]) if few else ""


def _largest_part(name: str, prefix: str) -> str:
    """Return the part of a model that a name outside `prefix` is of, and that `prefix` does not begin with."""
    parts, common = name.split("."), 0
    for part, other in zip(parts, prefix.split("."), strict=False):
        if part != other:
            break
        common += 1
    return ".".join(parts[: common + 1])


def _is_within(name: str, part: str) -> bool:
    return name == part or name.startswith((f"{part}.", f"{part}/"))


def _require_known_names(option: str, allowed: Sequence[str], names: set[str]) -> None:
    problems = [
        Problem("bad_option", f"{option} {each} names nothing.", nearest=nearest(each, sorted(names)))
        for each in allowed
        if not any(_is_within(name, each) for name in names)
    ]
    if problems:
        raise KresnetError(problems)


__all__ = ["require_match"]
