"""timm's residual networks, every entry point: the parameters that timm counts and the logits that PyTorch computes.

Weights follow `reference/rule.py` on both sides; `reference/timm_logits.py` wrote what PyTorch makes of them.
`python -m tests.weights.test_timm_logits` prints the table of docs/timm-networks.md, some minutes a dozen of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kresnet.graph import build_model
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.weights.convert import set_weights
from kresnet.weights.files.tensor import expected_shapes, to_parameter
from kresnet.weights.layouts import LAYOUTS
from kresnet.weights.matching import MatchTarget
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec
from tests.weights.gradient_differences import relative
from tests.weights.reference import rule
from tests.weights.reference.timm_cases import CLASSES, CUT_DOWN, IMAGES, SIDE, digest

REFERENCE = np.load(Path(__file__).parent / "reference" / "timm.npz")
ARCHITECTURES = sorted({name.rpartition("/")[0] for name in REFERENCE.files} - set(CUT_DOWN))


def planned(architecture: str, arguments: dict[str, Any], side: int) -> Plan:
    """The network for small images."""
    document = timm_spec(architecture, {"num_classes": CLASSES, **arguments})
    document["input"] |= {"shape": [side, side, 3], "resize": {"kind": "stretch"}}
    return make_plan(Spec.model_validate(document), document)


def tensors(plan: Plan) -> Iterator[tuple[MatchTarget, tuple[int, ...]]]:
    """Every weight by its name in timm, with its shape there."""
    for record in plan.records:
        for parameter in record.parameters:
            name = LAYOUTS["timm"].tensor(record, parameter, plan)
            yield MatchTarget(record, parameter, (), name), expected_shapes(parameter, "pytorch")[0]


def difference(name: str, architecture: str, arguments: dict[str, Any], side: int) -> float:
    """The largest difference of logits, relative to the largest logit, after the tensors were found to be timm's."""
    keras.backend.clear_session()
    plan = planned(architecture, arguments, side)
    sizes = ((target.source_name or target.name, target.parameter.size) for target, _ in tensors(plan))
    assert digest(sizes) == str(REFERENCE[f"{name}/digest"])
    model = build_model(plan)
    set_weights(
        model,
        (
            (target, to_parameter(rule.tensor(str(target.source_name), shape), target.parameter, "pytorch", ()))
            for target, shape in tensors(plan)
        ),
    )
    logits = model(rule.images(IMAGES, side).astype(np.float32), training=False)
    return relative(np.asarray(logits), REFERENCE[f"{name}/logits"])


#: `tests/graph/layers/test_dilation.py` compares networks with the stems, blocks and shortcuts of these with timm's.
OFTEN = ("basic, averaged, deep stem, pooled shortcut", "squeeze-excite, strided stem, as in ResNet-RS")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in OFTEN else []) for name in CUT_DOWN]
)
def test_cut_down_networks_compute_what_timms_do(name):
    assert difference(name, *CUT_DOWN[name]) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_entry_point_computes_what_timms_does(architecture):
    assert difference(architecture, architecture, {}, SIDE) < 1e-4


def main() -> None:
    """A row an entry point."""
    print("| entry point | parameters in timm | parameters here | largest difference of logits |")
    print("|---|---|---|---|")
    for name in ARCHITECTURES:
        document = timm_spec(name, {})
        plan = make_plan(Spec.model_validate(document), document)
        theirs = timm_facts()["architectures"][name]["parameters"]
        found = difference(name, name, {}, SIDE)
        print(f"| `{name}` | {theirs:,} | {plan.trainable:,} | {found:.1e} |", flush=True)


if __name__ == "__main__":
    main()
