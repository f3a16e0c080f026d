"""Random spec documents over the whole grammar, small enough to plan in milliseconds and to build in a second."""

from __future__ import annotations

import copy
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from kresnet.errors import KresnetError
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate

#: How many times the examples of a normal run: the nightly run sets it.
SCALE = int(os.environ.get("KRESNET_PROPERTY_SCALE", "1"))

ACTIVATIONS = st.sampled_from(
    ["relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "hard_silu", "sigmoid", "tanh", "softplus"]
)
ORDERS = st.sampled_from(
    [
        "post_activation",
        "norm_after_add",
        "relu_before_add",
        "relu_only_preactivation",
        "full_preactivation",
        "no_activation_after_add",
    ]
)
SHORTCUTS = st.sampled_from(["projection", "identity", "identity_pad", "projection_all", "none"])
WIDTHS = st.sampled_from([4, 8, 12, 16])
STRIDES = st.sampled_from([1, 2, 3])
RATES = st.sampled_from([0.0, 0.1, 0.25, 0.5])
EPSILONS = st.sampled_from([1e-5, 1e-3])


def examples(count: int, *, shrink: bool = True) -> settings:
    """`count` examples in a normal run, `SCALE` times as many in the nightly one; the same ones each time."""
    return settings(
        max_examples=count * SCALE,
        deadline=None,
        database=None,
        derandomize=SCALE == 1,
        phases=[Phase.explicit, Phase.generate] + [Phase.shrink] * shrink,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def mapping(kind: str | None = None, required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy:
    """Mappings with a `kind`, the required keys, and any of the optional ones."""
    fixed = {"kind": st.just(kind)} if kind else {}
    return st.fixed_dictionaries(fixed | (required or {}), optional=optional)


NORMS = st.one_of(
    mapping("batch", momentum=st.sampled_from([0.9, 0.99, 0.0]), epsilon=EPSILONS, synchronized=st.booleans()),
    mapping("group", {"groups": st.sampled_from([1, 2, 4, 3])}, epsilon=EPSILONS),
    mapping("layer", epsilon=EPSILONS),
    mapping("none"),
)
CONVOLUTIONS = mapping(
    padding=st.sampled_from(["same", "symmetric"]),
    bias=st.sampled_from(["where_no_norm", "always", "never"]),
    initializer=st.sampled_from(
        ["he_normal", "he_normal_fan_out", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "normal"]
    ),
    weight_standardization=st.sampled_from([None, {}, {"epsilon": 1e-5}]),
)
ANTI_ALIAS = st.sampled_from([None, None, "average", "blur"])
POOLS = st.none() | mapping(
    None,
    {"kind": st.sampled_from(["max", "average", "conv"])},
    size=st.sampled_from([1, 2, 3, 5]),
    stride=STRIDES,
    fill=st.sampled_from(["lowest", "zero"]),
    anti_alias=ANTI_ALIAS,
)
STEMS = st.one_of(
    mapping("conv", {"width": WIDTHS}, kernel=st.sampled_from([1, 3, 4, 7]), stride=STRIDES, pool=POOLS),
    mapping("deep", {"widths": st.lists(WIDTHS, min_size=1, max_size=3)}, stride=STRIDES, pool=POOLS),
    mapping("patch", {"width": WIDTHS}, size=st.sampled_from([1, 2, 4])),
    mapping("none"),
)
GATES = st.sampled_from(["sigmoid", "hard_sigmoid"])
ATTENTIONS = st.one_of(
    st.none(),
    mapping(
        "squeeze_excite",
        reduction=st.sampled_from([1, 2, 4, 5]),
        divisor=st.sampled_from([None, 1, 4, 8]),
        relative_to=st.sampled_from(["channels", "block_input"]),
        least_share=st.sampled_from([0.0, 0.9]),
        activation=ACTIVATIONS,
        gate=GATES,
    ),
    mapping("efficient_channel", kernel=st.sampled_from([None, 1, 2, 5]), gate=GATES),
)
_BLOCK = {
    "order": ORDERS,
    "shortcut": SHORTCUTS,
    "activation": ACTIVATIONS,
    "norm": NORMS,
    "zero_init_last": st.booleans(),
    "dropout": RATES,
}
_CONV_BLOCK = _BLOCK | {
    "stride_in": st.sampled_from(["first_block", "last_block"]),
    "downsample": st.sampled_from(["conv", "average_pool", "subsample"]),
    "shortcut_kernel": st.sampled_from([None, None, 2, 3]),
    "anti_alias": ANTI_ALIAS,
    "attention": ATTENTIONS,
}
GROUPS = st.none() | st.sampled_from([1, 2, 4, 5])
CONV_BLOCKS = {
    "basic": _CONV_BLOCK,
    "bottleneck": _CONV_BLOCK
    | {
        "expansion": st.sampled_from([1, 2, 4, 0.5, 1.25]),
        "reduce_first": st.sampled_from([None, None, 2, 3]),
        "stride_on": st.sampled_from(["conv1x1", "conv3x3"]),
        "attention_at": st.sampled_from(["end", "conv3x3"]),
        "groups": GROUPS,
        "width_per_group": GROUPS,
    },
}
CONVNEXT_BLOCKS = {
    "convnext": {
        "kernel": st.sampled_from([1, 2, 3, 5]),
        "expansion": st.sampled_from([1, 2, 4, 0.5, 1.25]),
        "activation": ACTIVATIONS,
        "norm": NORMS,
        "layer_scale": st.sampled_from([None, 1e-6, 0.5]),
        "response_norm": st.booleans(),
    }
}
_EXPANDING = _CONV_BLOCK | {
    "kernel": st.sampled_from([1, 2, 3, 5]),
    "expansion": st.sampled_from([1, 2, 2.5]),
    "expansions": st.sampled_from([None, None, [1], [2, 1.5], [1, 2, 3]]),
    "divisor": st.sampled_from([1, 4, 8]),
}
CONV_BLOCKS |= {"inverted": _EXPANDING, "fused_inverted": _EXPANDING}
DENSE_BLOCKS = {"dense": _BLOCK | {"hidden": st.none() | WIDTHS}}


REGNETS = mapping(
    None,
    {
        "w0": st.sampled_from([8, 16]),
        "wa": st.sampled_from([0.0, 4.0, 8.0]),
        "wm": st.sampled_from([1.5, 2.0]),
        "depth": st.integers(1, 4),
        "group_width": st.sampled_from([1, 4, 8]),
    },
    least_share=st.sampled_from([0.0, 0.9]),
)


SCALINGS = mapping(
    width=st.sampled_from([0.5, 1.25, 2.0]),
    depth=st.sampled_from([1.0, 1.4]),
    divisor=st.sampled_from([1, 4, 8]),
    least_share=st.sampled_from([0.0, 0.9]),
    fixed=st.lists(st.sampled_from(["stem", "neck", "first_and_last"]), max_size=2, unique=True),
)


def blocks(kinds: dict[str, Any]) -> st.SearchStrategy:
    return st.one_of([mapping(kind, None, **fields) for kind, fields in kinds.items()])


def images() -> st.SearchStrategy:
    pixels = mapping(
        range=st.sampled_from([[0.0, 1.0], [-1.0, 1.0], [0.0, 255.0]]),
        mean=st.sampled_from([[0.0], [0.5], [0.4, 0.5, 0.6]]),
        std=st.sampled_from([[1.0], [0.25], [0.2, 0.3, 0.4]]),
        channel_order=st.sampled_from(["rgb", "bgr"]),
    )
    interpolation = st.sampled_from(["bilinear", "bicubic", "nearest"])
    resize = mapping("stretch", None, interpolation=interpolation) | mapping(
        "center_crop",
        {"shorter_side": st.sampled_from([12, 20, 33])},
        interpolation=interpolation,
        rounding=st.sampled_from([None, "half_even"]),
    )
    sides = st.sampled_from([1, 5, 8, 16, 17])
    shape = st.tuples(sides, sides, st.sampled_from([1, 3, 3, 4])).map(list)
    rules = {
        "background": st.sampled_from([[255, 255, 255], [0, 0, 0], [0, 128, 255]]),
        "sample_range": st.sampled_from([[0, 65535], [0, 4095], [100, 1000]]),
        "jpeg_decoding": st.sampled_from([None, "full"]),
    }
    return mapping(None, {"shape": shape}, any_size=st.booleans(), pixels=pixels, resize=resize, **rules)


def heads(stages: int, image: bool) -> st.SearchStrategy:
    pool = st.sampled_from(["average", "max", "none"] if image else ["none"])
    optional = {"dropout": RATES, "norm": st.none() | NORMS, "hidden": st.none() | WIDTHS}
    features = st.lists(st.integers(1, stages), min_size=1, unique=True).map(lambda names: sorted({*names, stages}))
    classes = {"classes": st.integers(1, 10), "pool": pool}
    return st.one_of(
        mapping(None, classes, multi_label=st.booleans(), **optional),
        mapping("classifier", classes),
        mapping("regressor", {"outputs": st.integers(1, 5), "pool": pool}, **optional),
        mapping("features", {"stages": features}),
        mapping("none"),
    )


@st.composite
def documents(
    draw: Any, most_stages: int = 4, most_blocks: int = 3, registered: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A spec document: well formed, and free of contradictions more often than not.

    `registered` are kinds of blocks that a test has registered, with what settings of their own may be.
    """
    image = bool(registered) or draw(st.sampled_from([True, True, True, False]))
    own = {kind: _CONV_BLOCK | fields for kind, fields in (registered or {}).items()}
    kinds = CONV_BLOCKS | CONVNEXT_BLOCKS | own if image else DENSE_BLOCKS
    count = draw(st.integers(1, most_stages))
    override = blocks(kinds) | mapping(None, None, **(_CONV_BLOCK if image else _BLOCK))
    optional = {"block": override} | ({"stride": STRIDES, "dilation": STRIDES} if image else {})
    stage = mapping(None, {"blocks": st.integers(1, most_blocks), "width": WIDTHS}, **optional)
    document = draw(
        mapping(
            None,
            {
                "name": st.just("random"),
                "input": images() if image else st.just({"shape": [8]}),
                "stem": STEMS if image else st.just({"kind": "none"}),
                "block": blocks(kinds),
                "stages": st.lists(stage, min_size=count, max_size=count),
                "head": heads(count, image),
            },
            source=st.none() | st.just("a paper"),
            published=st.just([{"source": "a paper", "parameters": 1e6}]),
            convolution=CONVOLUTIONS,
            norm=NORMS,
            activation=ACTIVATIONS,
            neck=st.sampled_from([None, {}, {"width": 8}]),
            scaling=st.none() | SCALINGS,
            output_stride=st.none() | st.sampled_from([4, 8, 16, 32]),
            stochastic_depth=RATES,
            recipe=st.none() | st.just("a_recipe"),
        )
    )
    if image and draw(st.integers(0, 7)) == 0:  # a rule gives the stages
        del document["stages"]
        document["widths"] = {"regnet": draw(REGNETS)}
    return document


def planned(document: dict[str, Any]) -> tuple[Spec, Plan]:
    """The document's spec and plan, as the command line makes them."""
    spec = validate(Spec, SourceDocument("random.yaml", document))
    return spec, make_plan(spec, document)


def mended(document: dict[str, Any]) -> tuple[Spec, Plan] | None:
    """The document planned, what it is refused for taken out; None where that is not enough."""
    document = copy.deepcopy(document)
    for _ in range(12):
        try:
            return planned(document)
        except KresnetError as error:
            removed = [_remove(document, problem.path.split(".")) for problem in error.problems]
            if not any(removed):
                return None
    return None


def _remove(document: Any, path: list[str]) -> bool:
    """Take out what stands at `path`: in a stage's block, where it was inherited, in `block` or in the network."""
    candidates = [path]
    if path[:1] == ["stages"] and path[2:3] == ["block"]:
        candidates += [path[2:], path[3:]]
    elif path[:1] == ["block"]:
        candidates += [path[1:]]
    return any(_removed(document, candidate) for candidate in candidates)


def _removed(node: Any, path: list[str]) -> bool:
    *parents, last = path
    for part in parents:
        node = (
            node[int(part)]
            if isinstance(node, list) and part.isdigit()
            else node.get(part)
            if isinstance(node, dict)
            else None
        )
        if node is None:
            return False
    return isinstance(node, dict) and last not in ("kind", "blocks", "width") and node.pop(last, node) is not node


def specs(**sizes: Any) -> st.SearchStrategy:
    """Valid specs with their plans."""
    return documents(**sizes).map(mended).filter(lambda found: found is not None)
