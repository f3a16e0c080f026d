"""Start a training run from another's weights, and hold some of them fixed; free of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.plan import Plan, Record
from kresnet.weights.keras_config import settings_that_differ
from kresnet.weights.matching import WeightMatch, match_weights, require_match
from kresnet.weights.source import WeightFile, open_weights


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a run starts from, as its `transfer.json` records it.

    Attributes:
        init: the `.keras` file that the user named; the run keeps a copy as `init.keras`.
        sha256: of that file.
        freeze: parts of the network whose weights stay as they are.
        new: weights that the file did not give, such as a new head's.
        differing: how the file's network computes otherwise than this one.
    """

    init: str
    sha256: str
    freeze: tuple[str, ...]
    new: tuple[str, ...]
    differing: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Transfer:
        """Return the transfer that `as_dict` was made of, read from JSON."""
        sequences = {name: tuple(values[name]) for name in ("freeze", "new", "differing")}
        return cls(values["init"], values["sha256"], **sequences)


def prepare_transfer(plan: Plan, init: Path | None, freeze: Sequence[str]) -> Transfer | None:
    """Check what the user asked for against the plan, before anything is written.

    Raises:
        KresnetError: `bad_option`; `weights_mismatch` if anything but the head does not fit; what reading raises.
    """
    from kresnet.files import digest

    if init is None:
        if freeze:
            raise make_error(
                "bad_option", "--freeze without --init would hold random weights.", remedy="--init model.keras"
            )
        return None
    require_known(plan, freeze)
    with open_weights(init) as source:
        found = matched(plan, source)
        left = [*found.missing, *(target for target, _ in found.wrong)]
        new = tuple(target.name for target in left)
        differing = tuple(_differences(plan, source))
    held = {record.name for record in frozen_records(plan, freeze)}
    if caught := [name for name in new if name.rpartition("/")[0] in held]:
        raise make_error("bad_option", f"--freeze would hold weights that {init} does not give: {', '.join(caught)}.")
    return Transfer(str(init.resolve()), digest(init), tuple(freeze), new, differing)


def matched(plan: Plan, source: WeightFile) -> WeightMatch:
    """The weights of a kresnet model matched with a plan whose head may be another.

    Raises:
        KresnetError: `weights_mismatch`.
    """
    if source.format != "keras":
        message = f"{source.path} is no kresnet model."
        raise make_error("bad_option", message, remedy=f"kresnet convert {source.path} --spec SPEC -o model.keras")
    found = match_weights(plan, source, "kresnet")
    theirs = ["head"] * any(name.startswith("head.") for name in source.tensors)
    return require_match(found, plan, allow_missing=["head"], allow_unused=theirs)


def require_known(plan: Plan, freeze: Sequence[str]) -> None:
    """Every name must be that of a part with weights, and some weights must be left to train.

    Raises:
        KresnetError: `bad_option`, all unknown names at once.
    """
    weighted = [record for record in plan.records if record.parameters]
    parts = list(dict.fromkeys(part for record in weighted for part in _prefixes(record.name)))
    problems = [
        Problem(
            "bad_option",
            f"--freeze {name}: {plan.name} has no part of that name with weights.",
            expected="one of " + ", ".join(part for part in parts if "." not in part) + ", or a layer of theirs",
            nearest=nearest(name, parts),
        )
        for name in freeze
        if name not in parts
    ]
    if problems:
        raise KresnetError(problems)
    if len(frozen_records(plan, freeze)) == len(weighted):
        raise make_error("bad_option", "--freeze holds every weight; nothing is left to train.")


def frozen_records(plan: Plan, freeze: Sequence[str]) -> list[Record]:
    """The records with weights within the named parts."""
    return [record for record in plan.records if record.parameters and set(_prefixes(record.name)) & set(freeze)]


def _prefixes(name: str) -> list[str]:
    """`stage1`, `stage1.block2` and `stage1.block2.conv1` of the last."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _differences(plan: Plan, source: WeightFile) -> Iterator[str]:
    """What the weights do not show: pixels, epsilons, strides and activations, layer by layer of the same name."""
    for record in plan.records:
        if layer := source.layers.get(record.name):
            for field, theirs, own in settings_that_differ(record, layer):
                yield f"{record.name}.{field} is {theirs} in {source.path}, {own} here"


__all__ = ["Transfer", "frozen_records", "matched", "prepare_transfer", "require_known"]
