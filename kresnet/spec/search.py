"""The search: which settings may vary within which bounds, what a network may cost, and what is looked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, StrictFloat, StrictInt, StrictStr, Tag, model_validator

from kresnet.spec.base import PATTERNS, Count, Document, Flag, Name, Positive, Seed, Setting, Text, contradiction_error
from kresnet.spec.recipe.metrics import AccuracyMetric, Metric
from kresnet.spec.study import SettingPath, Settings

#: Of what a network may cost: a bound, or two with a comma between.
_COMPARISON = r"[<>]=\s*\d[\d_.]*(?:e[+-]?\d{1,3})?\s*[kmgtKMGT]?i?[bB]?"
COMPARISON_PATTERN = rf"^\s*{_COMPARISON}(?:\s*,\s*{_COMPARISON})?\s*$"
PATTERNS[COMPARISON_PATTERN] = "a comparison with a number: <= 600e6, <= 2M, <= 4GiB, or two: '>= 1M, <= 2M'"

Comparison = Annotated[StrictStr, Field(pattern=COMPARISON_PATTERN, max_length=80)]
Bound = Annotated[StrictInt, Field(ge=-(10**12), le=10**12)]
RealBound = Annotated[StrictFloat, Field(ge=-1e12, le=1e12)]


class Dimension(Document):
    """The values that one setting may take: exactly one of `int`, `float`, `log` and `choice`."""

    int: Annotated[tuple[Bound, ...], Field(min_length=2, max_length=2)] | None = None
    """The least and the greatest whole number."""
    float: Annotated[tuple[RealBound, ...], Field(min_length=2, max_length=2)] | None = None
    """The least and the greatest number, each between as likely as any other."""
    log: Annotated[tuple[Positive, ...], Field(min_length=2, max_length=2)] | None = None
    """The least and the greatest number, each power of ten between as likely as any other."""
    choice: Annotated[tuple[Setting, ...], Field(min_length=1, max_length=100)] | None = None
    """Values of any kind."""
    step: Positive | None = None
    """Distance of neighbouring values of `int` or `float`, from the least on; 1 for `int` when absent."""
    tied: Flag = False
    """A path with `*` takes one value for all that it stands for, rather than one for each."""

    @model_validator(mode="after")
    def _one_range(self) -> Dimension:
        stated = [name for name in ("int", "float", "log", "choice") if getattr(self, name) is not None]
        if len(stated) != 1:
            says = f"`{stated[0]}` and `{stated[1]}` both say" if stated else "Nothing says"
            message, remedy = (
                f"{says} which values the setting may take",
                "int: [8, 64], log: [0.001, 1] or choice: [a, b]",
            )
            raise contradiction_error(stated[-1] if stated else "", message, remedy=remedy)
        (kind,) = stated
        if kind in ("log", "choice") and self.step is not None:
            raise contradiction_error("step", f"`step` is for `int` and `float`, not for `{kind}`")
        if kind == "int" and self.step is not None and not float.is_integer(self.step):
            raise contradiction_error("step", "A step between whole numbers is a whole number", remedy="step: 8")
        if kind == "choice":
            if len({json.dumps(value, sort_keys=True) for value in self.choice or ()}) < len(self.choice or ()):
                raise contradiction_error("choice", "A value is named twice")
        else:
            low, high = self.bounds
            if low > high:
                message = f"No number is at least {low:g} and at most {high:g}: the range is empty"
                raise contradiction_error(kind, message, remedy="swap the two numbers")
        return self

    @property
    def kind(self) -> str:
        """Which of `int`, `float`, `log` and `choice` is stated."""
        return next(name for name in ("int", "float", "log", "choice") if getattr(self, name) is not None)

    def text(self) -> str:
        """Return the range in words: `8 to 64 by 8`, `0.001 to 1, logarithmic`, `one of basic, bottleneck`."""
        if self.choice is not None:
            return "one of " + ", ".join(each if isinstance(each, str) else json.dumps(each) for each in self.choice)
        low, high = self.bounds
        step = f" by {self.step:g}" if self.step is not None else ""
        return f"{low:g} to {high:g}{step}{', logarithmic' if self.log else ''}"

    @property
    def bounds(self) -> tuple[Any, Any]:
        """Least and greatest value of a dimension of numbers."""
        low, high = self.int or self.float or self.log or (0, 0)
        return low, high

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values by which the range is checked: all choices, or the least and the greatest number."""
        if self.choice is not None:
            return self.choice
        low, high = self.bounds
        if self.int is not None:
            step = int(self.step or 1)
            return low, low + (high - low) // step * step
        return self.bounds


class RegNetShape(Document):
    """Blocks and widths of the stages by the rule of RegNet (Radosavovic et al. 2020, arXiv:2003.13678, section 3.3).

    Block j of `depth` is wide `initial_width + slope * j`, rounded to a power of `multiplier` times the initial width
    and then to a multiple of `width_multiple`; blocks of one width are a stage. A candidate with another number of
    stages than the spec is none.
    """

    kind: Literal["regnet"]
    initial_width: Dimension
    """w_0, the width of the first block."""
    slope: Dimension
    """w_a, by how much wider each block would be than the one before."""
    multiplier: Dimension
    """w_m, the factor from stage to stage."""
    depth: Dimension
    """How many blocks there are."""
    width_multiple: Annotated[StrictInt, Field(ge=1, le=1024)] = 8
    """What widths are rounded to a multiple of."""


class ScaledShape(Document):
    """Blocks, widths and input size of the spec, all scaled by one number as `kresnet scale` does."""

    kind: Literal["scale"]
    by: Literal["compound", "depth", "width", "resolution"] = "compound"
    """What is scaled, by which rule."""
    phi: Dimension
    """The number; 0 is the spec itself, less is smaller."""
    width_multiple: Annotated[StrictInt, Field(ge=1, le=1024)] = 8
    """What widths are rounded to a multiple of."""


class Latency(Document):
    """How long an export may take to answer, measured on this machine."""

    batch: Annotated[StrictInt, Field(ge=1, le=4096)] = 1
    """Inputs of a request."""
    limit: Comparison
    """Milliseconds: `<= 5`; `{batch: 1, <=: 5}` and, for one input, `latency_ms: <= 5` say the same."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"limit": value}
        if isinstance(value, dict) and "limit" not in value and "<=" in value:
            rest = {key: each for key, each in value.items() if key != "<="}
            return rest | {"limit": f"<= {value['<=']}"}
        return value


class Constraints(Document):
    """What a network may cost. Bounds are written `<= 2M`; one that begins with `>` is quoted in YAML."""

    macs: Comparison | None = None
    """Multiply-accumulates for one input."""
    parameters: Comparison | None = None
    """Parameters in all, trainable or not."""
    depth: Comparison | None = None
    """Weighted layers, shortcuts aside."""
    largest_map: Comparison | None = None
    """Numbers in the largest output of a layer, for one input."""
    memory: Comparison | None = None
    """Bytes of a training step under the candidate's recipe, by the plan's estimate."""
    latency_ms: Latency | None = None
    """Milliseconds until the folded export answers on this machine, the median of many requests."""

    def comparisons(self) -> Iterator[tuple[str, str]]:
        """Each quantity that is limited, with its bounds as text."""
        for name in COSTS:
            stated = getattr(self, name)
            if stated is not None:
                yield name, stated.limit if isinstance(stated, Latency) else stated


class Tpe(Document):
    """Tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe 2023, arXiv:2304.11127)."""

    kind: Literal["tpe"] = "tpe"
    startup_trials: Annotated[StrictInt, Field(ge=1, le=10_000)] = 10
    """Trials that are drawn at random before."""


class Random(Document):
    """Every candidate as likely as any other."""

    kind: Literal["random"]


class Nsga2(Document):
    """An evolution by non-dominated sorting (Deb et al. 2002), whose population is a generation of the search."""

    kind: Literal["nsga2"]


class Halving(Document):
    """Successive halving (Jamieson and Talwalkar 2016, arXiv:1502.07943) within each generation.

    All train `first_epochs`; the better ones go on for `factor` times as many, and so on to the recipe's end.
    """

    first_epochs: Annotated[StrictInt, Field(ge=1, le=100_000)] = 1
    """Epochs after which the first are left out: past the warm-up, in which low learning rates look best."""
    factor: Annotated[StrictInt, Field(ge=2, le=10)] = 3
    """By how much longer the next part is; one in so many goes on, rounded up."""


Cost = Literal["macs", "parameters", "depth", "largest_map", "memory", "latency_ms"]
#: What a search can make small beside a metric of the images to validate on.
COSTS: tuple[Cost, ...] = get_args(Cost)
Objective = Annotated[
    Annotated[Cost, Tag("cost")] | Annotated[Metric, Tag("metric")],
    Discriminator(lambda value: "cost" if value in COSTS else "metric"),
]


def _kind_or(default: str) -> Discriminator:
    return Discriminator(
        lambda value: value.get("kind", default) if isinstance(value, dict) else getattr(value, "kind", default)
    )


class Search(Document):
    """A space of networks and recipes, what they may cost, and what is looked for among them."""

    name: Name
    """Names the folder of results."""
    question: Text
    """What the search asks."""
    source: Text | None = None
    """Where the question, or an answer to it, comes from."""
    limits: Text | None = None
    """What the outcome cannot show."""
    spec: StrictStr
    """The network that is varied: a shipped name, or a path beside the search."""
    recipe: StrictStr | None = None
    """The recipe that is varied, likewise; the spec's own when absent. It keeps images to validate on apart."""
    set: Settings = Field(default_factory=dict)
    """Settings that all candidates share, as `--set` writes them."""
    space: Annotated[dict[SettingPath, Dimension], Field(max_length=100)] = Field(default_factory=dict)
    """Settings that vary, by their paths as `--set` writes them; `stages.*.width` is a dimension for each stage."""
    shape: (
        Annotated[Annotated[RegNetShape, Tag("regnet")] | Annotated[ScaledShape, Tag("scale")], _kind_or("regnet")]
        | None
    ) = None
    """Blocks and widths by a rule of few numbers."""
    constraints: Constraints = Field(default_factory=Constraints)
    """What a network may cost; what costs more is no trial."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=3)] = (AccuracyMetric(kind="accuracy"),)
    """What is looked for: first a metric of the images to validate on, as `recipe.metrics` names them, then costs to be
    small."""
    sampler: Annotated[
        Annotated[Tpe, Tag("tpe")] | Annotated[Random, Tag("random")] | Annotated[Nsga2, Tag("nsga2")], _kind_or("tpe")
    ] = Field(default_factory=Tpe)
    """How candidates are proposed."""
    trials: Annotated[StrictInt, Field(ge=1, le=10_000)]
    """How many networks are trained."""
    generation: Annotated[StrictInt, Field(ge=1, le=1000)] = 8
    """Trials that are proposed at once, by what all earlier ones came to."""
    halving: Halving | None = None
    """Train what looks worse after a few epochs no further."""
    attempts: Count = 100_000
    """Candidates that are drawn for one trial before the search gives up."""
    seed: Seed = 0
    """Seed of the proposals; each trial's training has the recipe's own."""

    @model_validator(mode="after")
    def _complete(self) -> Search:
        if not self.space and self.shape is None:
            raise contradiction_error("space", "Nothing varies: the space is empty",
                                      remedy="space: {stages.*.width: {int: [8, 64], step: 8}}")  # fmt: skip
        first, *others = self.objectives
        if not isinstance(first, Metric):
            message = "The first objective is a metric of images: what costs least is known without a search"
            raise contradiction_error("objectives", message, remedy="objectives: [accuracy, macs]")
        if wrong := next((each for each in others if isinstance(each, Metric)), None):
            message = f"`{wrong}` is a second metric; one metric is weighed against costs"
            raise contradiction_error("objectives", message, remedy="objectives: [accuracy, macs]")
        if len({*others}) < len(others):
            raise contradiction_error("objectives", "An objective is named twice")
        if "latency_ms" in others and self.constraints.latency_ms is None:
            message = "Latency is measured where `constraints.latency_ms` says how"
            raise contradiction_error("objectives", message, remedy="constraints: {latency_ms: {limit: <= 100}}")
        if others and self.halving:
            message = "Halving leaves out what one number says is worse; this search weighs several"
            raise contradiction_error("halving", message, remedy="a single objective, or no `halving`")
        return self

    @property
    def metric(self) -> Metric:
        """What networks are judged by, measured on the images to validate on."""
        first = self.objectives[0]
        assert isinstance(first, Metric)
        return first

    @property
    def costs(self) -> tuple[Cost, ...]:
        """What shall be small beside it."""
        return tuple(each for each in self.objectives if not isinstance(each, Metric))

    @property
    def maximized(self) -> tuple[bool, ...]:
        """Of each objective, whether it shall be large."""
        return (not self.metric.lower_is_better, *(False for _ in self.costs))


__all__ = ["COSTS", "Constraints", "Cost", "Dimension", "Halving", "Latency", "Nsga2", "Objective", "Random",
           "RegNetShape", "ScaledShape", "Search", "Tpe"]  # fmt: skip
