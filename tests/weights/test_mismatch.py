"""What does not fit is named on both sides, with what would allow it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.plan import Plan
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.command import kresnet
from tests.weights.small_weight_files import SMALL, tensors, write


def weights_refusal(plan: Plan, path: Path, layout: str = "auto", **allowed) -> str:
    """What is said of the file, its codes included."""
    with pytest.raises(KresnetError) as caught, open_weights(path) as source:
        require_match(match_weights(plan, source, layout), plan, **allowed)
    return str(caught.value)


def test_a_missing_tensor_is_named(plan, tmp_path):
    arrays = tensors(plan)
    del arrays["layer2.1.bn3.running_var"], arrays["conv1.weight"]
    path = write(tmp_path / "a.safetensors", arrays)
    refusal = weights_refusal(plan, path)
    assert "2 weights of small are not in" in refusal
    assert "layer2.1.bn3.running_var for stage2.block2.norm3/moving_variance (16,)" in refusal
    assert "conv1.weight for stem.conv/kernel (3, 3, 3, 4)" in refusal
    with open_weights(path) as source:
        names = ["layer2.1.bn3", "stem"]
        assert len(require_match(match_weights(plan, source), plan, allow_missing=names).missing) == 2


def test_a_tensor_left_over_is_named(plan, tmp_path):
    arrays = tensors(plan) | {"aux.fc.weight": np.zeros((2, 2), np.float32)}
    path = write(tmp_path / "a.safetensors", arrays)
    refusal = weights_refusal(plan, path)
    assert "1 tensor of" in refusal
    assert "aux.fc.weight" in refusal
    assert "--allow-unused aux.fc" in refusal
    with open_weights(path) as source:
        assert require_match(match_weights(plan, source), plan, allow_unused=["aux"]).unused == ["aux.fc.weight"]


def test_a_wrong_shape_is_told_with_both_shapes(plan, tmp_path):
    arrays = tensors(plan) | {"fc.weight": np.zeros((5, 16), np.float32), "fc.bias": np.zeros(5, np.float32)}
    path = write(tmp_path / "a.safetensors", arrays)
    refusal = weights_refusal(plan, path)
    assert "fc.weight (5, 16) float32; head.logits/kernel needs (3, 16)" in refusal
    assert "--allow-missing head.logits --allow-unused fc" in refusal
    assert "[weights_mismatch]" in weights_refusal(plan, path, allow_missing=["head"])  # one side alone does not do
    with open_weights(path) as source:
        found = require_match(match_weights(plan, source), plan, allow_missing=["head"], allow_unused=["fc"])
    assert "head.logits/kernel" not in {target.name for target, _ in found.pairs}


def test_another_networks_weights_are_listed_on_both_sides(plan, tmp_path):
    from tests.golden.regenerate import plan_of

    path = write(tmp_path / "a.safetensors", tensors(plan_of("cifar_resnet20"), "cifar-pytorch"))
    with pytest.raises(KresnetError) as caught, open_weights(path) as source:
        require_match(match_weights(plan, source), plan)
    refusal, problems = str(caught.value), [problem.as_dict() for problem in caught.value.problems]
    assert refusal.count("[weights_mismatch]") == 3
    assert "; --json has all" in refusal
    assert len(refusal.splitlines()) < 50
    assert any("layer3.2.conv2.weight" in str(problem.get("found")) for problem in problems)
    assert any("stage1.block1.shortcut.conv/kernel" in str(problem.get("expected")) for problem in problems)


def test_a_file_of_other_names_is_refused(plan, tmp_path):
    path = write(tmp_path / "a.safetensors", {"encoder.weight": np.zeros((3, 3), np.float32)})
    refusal = weights_refusal(plan, path)
    assert "No tensor of" in refusal
    assert "encoder.weight" in refusal


def test_integers_and_infinities_are_no_weights(plan, tmp_path):
    arrays = tensors(plan) | {"fc.bias": np.zeros(3, np.int32)}
    assert "fc.bias (3,) I32" in weights_refusal(plan, write(tmp_path / "a.safetensors", arrays))
    arrays = tensors(plan) | {"fc.bias": np.array([0, np.inf, np.nan], np.float32)}
    with open_weights(write(tmp_path / "b.safetensors", arrays)) as source:
        found = match_weights(plan, source)
        with pytest.raises(KresnetError, match=r"(?s)infinite or no numbers.*fc\.bias"):
            list(found.arrays())


def test_unknown_names_and_layouts_are_refused(plan, tmp_path):
    path = write(tmp_path / "a.safetensors", tensors(plan))
    assert "did you mean: torchvision" in weights_refusal(plan, path, "torchvison")
    assert "another kind" in weights_refusal(plan, path, "keras-applications")
    assert "--allow-missing head.logit names nothing" in weights_refusal(plan, path, allow_missing=["head.logit"])
    assert "--allow-unused bc names nothing" in weights_refusal(plan, path, allow_unused=["bc"])


def test_the_command_says_so_without_importing_tensorflow(plan, tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    arrays = tensors(plan)
    del arrays["fc.bias"]
    path = write(tmp_path / "a.safetensors", arrays)
    done = kresnet("convert", path, "--spec", "small.yaml", "-o", "model.keras", "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"][0]["code"] == "weights_mismatch"
    assert "Carried over" not in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.safetensors", "small.yaml"]


def test_what_stands_around_a_wrapped_network_is_named_as_large_as_may_be(plan, tmp_path):
    """As in torchvision's detectors, whose backbone is a ResNet without its head."""
    arrays = {f"backbone.body.{name}": array for name, array in tensors(plan).items() if not name.startswith("fc.")}
    around = ["backbone.fpn.inner_blocks.0.0.weight", "backbone.fpn.layer_blocks.0.0.bias", "rpn.head.conv.0.0.weight",
              "roi_heads.box_head.fc6.weight"]  # fmt: skip
    path = write(tmp_path / "a.safetensors", arrays | {name: np.zeros(3, np.float32) for name in around})
    refusal = weights_refusal(plan, path)
    assert "try: --allow-missing head.logits" in refusal
    assert "try: --allow-unused backbone.fpn --allow-unused roi_heads --allow-unused rpn" in refusal
    with open_weights(path) as source:
        found = match_weights(plan, source)
        require_match(found, plan, ["head.logits"], ["backbone.fpn", "roi_heads", "rpn"])
    assert found.prefix == "backbone.body."
