"""Stages of several kinds in one network: planned, built, trained, opened again and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kresnet.export.saved_model import ExportOptions, export_model
from kresnet.graph import build_model
from kresnet.plan import make_plan
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.weights.convert import load_model

LAYER = {"kind": "layer", "epsilon": 1e-6}
#: ConvNeXt's stages on the stem of ResNet-D, and bottlenecks of ResNet-D behind them.
MIXED: dict[str, Any] = {
    "name": "mixed",
    "input": {"shape": [32, 32, 3], "pixels": {"mean": [0.5], "std": [0.25]}},
    "stem": {"kind": "deep", "widths": [4, 4, 8], "pool": {"kind": "max"}},
    "block": {"kind": "convnext", "kernel": 3, "norm": LAYER, "activation": "gelu", "layer_scale": 0.1},
    "stages": [
        {"blocks": 1, "width": 8},
        {"blocks": 1, "width": 12, "stride": 2, "block": {"layer_scale": None, "response_norm": True}},
        {"blocks": 1, "width": 4, "stride": 2, "block": {"kind": "bottleneck", "downsample": "average_pool"}},
    ],
    "stochastic_depth": 0.1,
    "head": {"classes": 3},
}


#: Inverted blocks of MobileNetV3 and EfficientNetV2, and bottlenecks behind them.
INVERTED: dict[str, Any] = {
    "name": "inverted",
    "input": {"shape": [32, 32, 3], "pixels": {"mean": [0.5], "std": [0.25]}},
    "activation": "hard_silu",
    "stem": {"kind": "conv", "width": 8, "kernel": 3},
    "block": {"kind": "bottleneck"},
    "stages": [
        {"blocks": 1, "width": 8, "block": {"kind": "fused_inverted", "expansion": 1, "order": "relu_before_add"}},
        {"blocks": 1, "width": 12, "stride": 2, "block": {"kind": "fused_inverted", "expansion": 2}},
        {
            "blocks": 2,
            "width": 16,
            "stride": 2,
            "block": {
                "kind": "inverted",
                "expansions": [2, 3],
                "kernel": 5,
                "attention": {"kind": "squeeze_excite", "reduction": 4, "relative_to": "block_input"},
            },
        },
        {"blocks": 1, "width": 8},
    ],
    "stochastic_depth": 0.1,
    "neck": {"width": 24},
    "head": {"classes": 3, "hidden": 16},
}
KINDS = {
    "mixed": ("convnext", "convnext", "bottleneck"),
    "inverted": ("fused_inverted", "fused_inverted", "inverted", "bottleneck"),
}


@pytest.fixture(scope="module", params=[pytest.param(MIXED, marks=pytest.mark.slow), INVERTED], ids=list(KINDS))
def spec(request: pytest.FixtureRequest) -> Spec:
    return Spec.model_validate(request.param)


def test_they_plan_train_and_export(spec: Spec, tmp_path: Path) -> None:
    plan = make_plan(spec, spec.document())
    assert plan.block_kinds == KINDS[spec.name]
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 16), ("test", 8)):
        arrays[f"{split}_inputs"] = random.integers(0, 256, (count, 32, 32, 3), np.uint8)
        arrays[f"{split}_targets"] = np.arange(count) % 3
    np.savez(tmp_path / "data.npz", **arrays)
    recipe = Recipe.model_validate({
        "name": "two_steps", "data": {"kind": "arrays", "path": str(tmp_path / "data.npz")}, "steps": 2,
        "batch_size": 8, "optimizer": {"kind": "adamw"},
    })  # fmt: skip
    result = fit.start(RunDirectory(tmp_path / "run"), resolve_run(spec, recipe), None, RunOutput())
    assert result["steps"] == 2
    before = build_model(plan).get_weights()
    model = load_model(tmp_path / "run" / "model.keras", plan)
    assert all(
        not np.array_equal(new, old) for new, old in zip(model.get_weights(), before, strict=True) if new.ndim > 1
    )
    exported = export_model(model, spec, ("a", "b", "c"), tmp_path / "export", ExportOptions(signatures=()))
    assert exported.report.passed
