"""Dilation changes the sampling alone: where a dilated network and the strided one both have a pixel, they agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st
from safetensors.numpy import save_file

from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.plan.dilation import dilated_stages
from kresnet.plan.lowering import lower
from kresnet.spec.architecture import Spec
from kresnet.weights.convert import converted_model
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.golden.regenerate import plan_of
from tests.graph.random_weights import randomize
from tests.strategies import ORDERS, SHORTCUTS, examples, mapping
from tests.weights.gradient_differences import in_float64
from tests.weights.reference import rule

TIMM = np.load(Path(__file__).parents[1] / "references" / "timm_dilated.npz")

SIDES = st.integers(24, 43)
WIDTHS = st.sampled_from([2, 4])
#: Group norm averages over a map, so a network of more pixels gives other numbers.
NORMS = st.one_of(mapping("batch"), mapping("layer"), mapping("none"))
POOLS = st.none() | mapping(
    None, {"kind": st.sampled_from(["max", "average", "conv"])}, size=st.sampled_from([1, 3]), stride=st.just(2)
)
STEMS = st.one_of(
    mapping("conv", {"width": WIDTHS, "kernel": st.sampled_from([1, 3])}, stride=st.sampled_from([1, 2]), pool=POOLS),
    mapping("deep", {"widths": st.lists(WIDTHS, min_size=1, max_size=2)}, stride=st.sampled_from([1, 2]), pool=POOLS),
    mapping("none"),
)
COMMON = {
    "order": ORDERS,
    "shortcut": SHORTCUTS,
    "stride_in": st.sampled_from(["first_block", "last_block"]),
    "downsample": st.sampled_from(["conv", "average_pool", "subsample"]),
}
BLOCKS = st.one_of(
    mapping("basic", COMMON),
    mapping("bottleneck", COMMON, stride_on=st.sampled_from(["conv1x1", "conv3x3"]), expansion=st.just(2)),
)


@st.composite
def dilated_specs(draw: Any) -> Spec:
    """Specs whose `output_stride` turns at least one stride into dilation."""
    output_stride = draw(st.sampled_from([4, 8, 16]))
    most = {4: 3, 8: 2, 16: 2}[output_stride]
    blocks = st.integers(1, 2)
    stages = [{"blocks": draw(blocks), "width": draw(WIDTHS), "stride": 2} for _ in range(most)]
    for stage in stages[1:]:
        stage["stride"] = draw(st.sampled_from([1, 2, 2, 3]))
    stem = draw(STEMS)
    reached = 1 if stem["kind"] == "none" else stem.get("stride", 2) * (stem.get("pool") or {}).get("stride", 1)
    while reached < output_stride:  # further stages of stride 2 before those that dilate
        stages.insert(0, {"blocks": 1, "width": 2, "stride": 2})
        reached *= 2
    document = {
        "name": "dilated",
        "input": {"shape": [draw(SIDES), draw(SIDES), 1], "pixels": {}, "any_size": draw(st.booleans())},
        "convolution": {"padding": draw(st.sampled_from(["same", "symmetric"]))},
        "norm": draw(NORMS),
        "stem": stem,
        "block": draw(BLOCKS),
        "stages": stages,
        "output_stride": output_stride,
        "head": {"kind": "features", "stages": list(range(1, len(stages) + 1))},
    }  # fmt: skip
    return Spec.model_validate(document)


def features(spec: Spec, image: np.ndarray, weights: dict[str, list[np.ndarray]] | None = None) -> Any:
    """The maps of every stage in float64, and the weights by layer, drawn at random where none are given."""
    model = in_float64(randomize(build_model(lower(spec))))
    if weights is None:
        weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    assert {layer.name for layer in model.layers if layer.weights} == set(weights)
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)
    maps = model(image)
    maps = maps if isinstance(maps, dict) else {"stage1": maps}
    return {name: np.asarray(value) for name, value in maps.items()}, weights


def largest_difference(dilated: Spec) -> float:
    """The largest difference from the strided network's map, over the largest number in it, of any stage.

    Average pooling divides by float32 numbers at the border, so that what agrees may differ by some 1e-8.
    """
    image = np.random.default_rng(0).uniform(0, 1, (1, *dilated.input.shape))
    strided = dilated.model_copy(update={"output_stride": None})
    expected, weights = features(strided, image)
    found, _ = features(dilated, image, weights)
    differences = []
    for stage, (settings, (name, value)) in enumerate(zip(dilated_stages(dilated), expected.items(), strict=True), 1):
        assert name == f"stage{stage}"
        common = found[name][:, :: settings.spacing, :: settings.spacing]
        assert common.shape == value.shape
        differences.append(np.abs(common - value).max() / max(np.abs(value).max(), 1e-3))
    return float(max(differences))


@examples(2, shrink=False)
@given(dilated_specs())
def test_a_dilated_network_gives_what_the_strided_one_gives_at_every_pixel_of_both(spec):
    keras.backend.clear_session()
    note(spec.model_dump_json(exclude_defaults=True))
    try:
        lower(spec.model_copy(update={"output_stride": None}))
        lower(spec)
    except KresnetError:
        assume(False)
    assert largest_difference(spec) < 1e-6


def test_what_the_shortcut_and_the_padding_owe_to_the_stride():
    """Every kind of fault that the random networks found, for sure: one at a time, at each output stride."""
    for block in (
        {"kind": "basic"},  # a projection that only the stride asks for
        {"kind": "bottleneck", "expansion": 1, "stride_on": "conv1x1"},  # a 3x3 behind the stride
        {"kind": "basic", "downsample": "average_pool", "stride_in": "last_block"},
    ):
        for output_stride in (4, 8):
            keras.backend.clear_session()
            document = {
                "name": "dilated",
                "input": {"shape": [26, 37, 1], "pixels": {}, "any_size": True},
                "stem": {"kind": "conv", "width": 2, "kernel": 3, "stride": 2},
                "block": block | {"order": "full_preactivation"},
                "stages": [{"blocks": 2, "width": 2, "stride": stride} for stride in (2, 2, 3)],
                "output_stride": output_stride,
                "head": {"kind": "features", "stages": [1, 2, 3]},
            }
            assert largest_difference(Spec.model_validate(document)) < 1e-6, (block, output_stride)


@pytest.mark.parametrize(
    ("name", "output_stride"),
    [
        ("resnet50_d", 8),  # both of its last stages are dilated
        pytest.param("resnet50_d", 16, marks=pytest.mark.slow),
        ("resnetrs50", 16),
        pytest.param("resnetrs50", 8, marks=pytest.mark.slow),
    ],
)
def test_dilated_networks_equal_timms(name, output_stride, tmp_path):
    """Logits and maps of `references/timm_dilated.py`, which says where it differs from timm."""
    keras.backend.clear_session()
    shapes = [tuple(map(int, text.split())) for text in TIMM[f"{name}/shapes"]]
    tensors = {str(key): rule.tensor(key, shape) for key, shape in zip(TIMM[f"{name}/tensors"], shapes, strict=True)}
    save_file(tensors, tmp_path / "weights.safetensors")
    plan = plan_of(
        name, "input.shape=[64,96,3]", "input.resize={kind: stretch}", "head.classes=10",
        "convolution.padding=symmetric", f"output_stride={output_stride}",
    )  # fmt: skip
    with open_weights(tmp_path / "weights.safetensors") as source:
        model = converted_model(plan, require_match(match_weights(plan, source, "timm"), plan))
    ends = [record.name for record in plan.records if record.name.endswith(".add")]
    ends = {f"stage{stage}": [end for end in ends if end.startswith(f"stage{stage}.")][-1] for stage in (3, 4)}
    taps = {stage: model.get_layer(end.removesuffix("add") + "activation").output for stage, end in ends.items()}
    found = keras.Model(model.input, {"logits": model.output, **taps})(rule.images(1, 96)[:, :64].astype("float32"))
    for part, value in found.items():
        value = np.asarray(value)[..., :: 1 if part == "logits" else 32]
        expected = TIMM[f"{name}/{output_stride}/{part}"]
        assert value.shape == expected.shape
        assert np.abs(value - expected).max() < 1e-5 * np.abs(expected).max(), part
