"""Transfer learning: start a run from given weights, and freeze some of them; without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error, nearest, shell_word
from kresnet.plan import Plan, Record
from kresnet.weights.files.keras_config import differing_settings
from kresnet.weights.files.weight_file import WeightFile, open_weights
from kresnet.weights.matching import WeightMatch, match_weights
from kresnet.weights.mismatch import require_match
from kresnet.weights.weights_record import read_record


@dataclass(frozen=True, slots=True)
class Transfer:
    """The weights that a run starts from, as its `transfer.json` records them.

    Attributes:
        init: path of the `.keras` file that the user named; the run keeps a copy as `init.keras`.
        sha256: digest of that file.
        freeze: names of the frozen parts of the network: stages, blocks or layers whose weights stay as they are.
        new: names of the weights that the file does not give, such as those of a new head.
        differing: sentences that say how the file's network computes otherwise than this one.
        class_names: names of the classes that the file's head tells apart; empty where they are not known.
        origin: where weights by name came from, as `WeightsRecord.summary` has it; empty for others.
    """

    init: str
    sha256: str
    freeze: tuple[str, ...]
    new: tuple[str, ...]
    differing: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What the weights are called: the name by which they came, or the path of their file."""
        return str(self.origin.get("name") or self.init)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Transfer:
        """Return the transfer that `as_dict` was made of, read from JSON."""
        sequences = {name: tuple(values[name]) for name in ("freeze", "new", "differing")}
        names = tuple(values.get("class_names", ()))  # not in runs of 0.1
        origin = values.get("origin", {})  # nor this one
        return cls(values["init"], values["sha256"], **sequences, class_names=names, origin=origin)

    def for_classes(self, class_names: Sequence[str], plan: Plan) -> Transfer:
        """Return the transfer onto data of these classes: a head that tells other ones apart begins anew.

        Raises:
            KresnetError: `bad_option` if the head is to be frozen.
        """
        head = [f"{each.name}/{p.name}" for each in plan.records for p in each.parameters if each.name[:5] == "head."]
        if not self.class_names or self.class_names == tuple(class_names) or set(head) <= set(self.new):
            return self
        if held := [name for name in self.freeze if name.partition(".")[0] == "head"]:
            message = f"--freeze {held[0]} would hold a head whose classes are others than those of the data."
            raise make_error("bad_option", message, found=", ".join(self.class_names[:10]), remedy="leave head out")
        said = (
            f"its classes were {', '.join(self.class_names[:10])}{', ...' * (len(self.class_names) > 10)}: a new head"
        )
        new = (*self.new, *(name for name in head if name not in self.new))
        return replace(self, new=new, differing=(*self.differing, said))


def prepare_transfer(
    plan: Plan, init: Path | None, freeze: Sequence[str], class_names: Sequence[str] = ()
) -> Transfer | None:
    """Check `--init` and `--freeze` against the plan, before anything is written.

    Args:
        plan: the network to train.
        init: the `.keras` file to start from; None for random weights.
        freeze: names of parts of the network to freeze.
        class_names: names of the classes of `init`; empty where they are not known.

    Returns:
        What the run is to start from; None for random weights.

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
    require_freezable(plan, freeze)
    with open_weights(init) as source:
        match = match_kresnet_weights(plan, source)
        new = tuple(target.name for target in [*match.missing, *(target for target, _ in match.mismatched)])
        differing = tuple(_computational_differences(plan, source))
    frozen = {record.name for record in frozen_records(plan, freeze)}
    if random := [name for name in new if name.rpartition("/")[0] in frozen]:
        raise make_error("bad_option", f"--freeze would hold weights that {init} does not give: {', '.join(random)}.")
    record = read_record(init)
    origin = record.summary() if record else {}
    return Transfer(str(init.resolve()), digest(init), tuple(freeze), new, differing, tuple(class_names), origin)


def match_kresnet_weights(plan: Plan, source: WeightFile) -> WeightMatch:
    """Match the weights of a kresnet model with a plan, whose head may differ from the model's.

    Raises:
        KresnetError: `weights_mismatch`.
    """
    if source.format != "keras":
        message = f"{source.path} is no kresnet model."
        raise make_error(
            "bad_option", message, remedy=f"kresnet convert {shell_word(source.path)} --spec SPEC -o model.keras"
        )
    match = match_weights(plan, source, "kresnet")
    unused = ["head"] * any(name.startswith("head.") for name in source.tensors)
    try:
        return require_match(match, plan, allow_missing=["head"], allow_unused=unused)
    except KresnetError as error:
        raise KresnetError(_with_conversions(error.problems, match)) from None


def _with_conversions(problems: Sequence[Problem], match: WeightMatch) -> list[Problem]:
    """Return what does not fit, with a conversion that makes it fit; without, where too much differs for options."""
    if not all(problem.remedy for problem in problems):
        return [replace(problem, remedy="") for problem in problems]
    lacking = [target.name for target in (*match.missing, *(target for target, _ in match.mismatched))]
    left = [*match.unused, *(tensor.name for _, tensor in match.mismatched)]
    heads = {"--allow-missing head": lacking, "--allow-unused head": left}
    options = [option for option, names in heads.items() if any(name.startswith("head.") for name in names)]
    options += [problem.remedy for problem in problems]
    convert = f"kresnet convert {shell_word(match.source.path)} --spec SPEC {' '.join(options)} -o start.keras"
    return [replace(problem, remedy=f"{convert}, then kresnet fit SPEC --init start.keras") for problem in problems]


def require_freezable(plan: Plan, freeze: Sequence[str]) -> None:
    """Make sure that each name to freeze is that of a stage, block or layer with weights, and that some stay trainable.

    Raises:
        KresnetError: `bad_option`, all unknown names at once.
    """
    weighted = [record for record in plan.records if record.parameters]
    parts = list(dict.fromkeys(part for record in weighted for part in _name_prefixes(record.name)))
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
    """Return the records with weights in the stages, blocks and layers that `freeze` names."""
    return [record for record in plan.records if record.parameters and set(_name_prefixes(record.name)) & set(freeze)]


def _name_prefixes(name: str) -> list[str]:
    """Return the names of a layer and of what contains it: `stage1`, `stage1.block2` and `stage1.block2.conv1`."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _computational_differences(plan: Plan, source: WeightFile) -> Iterator[str]:
    """Yield the differences that weights do not show (pixels, epsilons, strides, activations), layer by layer."""
    for record in plan.records:
        if layer := source.layers.get(record.name):
            for name, in_file, in_plan in differing_settings(record, layer):
                yield f"{record.name}.{name} is {in_file} in {source.path}, {in_plan} here"


__all__ = ["Transfer", "frozen_records", "match_kresnet_weights", "prepare_transfer", "require_freezable"]
