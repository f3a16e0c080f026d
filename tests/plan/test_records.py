"""A plan of two layers, its sums done by hand."""

from __future__ import annotations

import json

from kresnet.plan.records import Parameter, Plan, Record

CONV = Record(
    "stage1.block1.conv",
    "conv",
    ("input",),
    (4, 4, 2),
    {"kernel": 3},
    (Parameter("kernel", (3, 3, 1, 2)),),
    macs=4 * 4 * 2 * 9,
    stage=1,
    block=1,
)
NORM = Record(
    "stage1.block1.norm",
    "norm",
    (CONV.name,),
    (4, 4, 2),
    parameters=(Parameter("gamma", (2,)), Parameter("moving_mean", (2,), trainable=False)),
    stage=1,
    block=1,
)
SHORTCUT = Record("stage1.block1.shortcut.conv", "conv", ("input",), (4, 4, 2), stage=1, block=1, role="shortcut")
DENSE = Record("head.logits", "dense", (NORM.name,), (3,), {}, (Parameter("kernel", (2, 3)),), macs=6)
PLAN = Plan(
    {"name": "two", "source": None},
    (Record("input", "input", (), (4, 4, 1)), CONV, NORM, SHORTCUT, DENSE),
    {"logits": "head.logits"},
    "softmax",
)


def test_parameters_are_counted_by_whether_a_gradient_changes_them():
    assert (CONV.weights, NORM.weights, DENSE.weights) == (18, 4, 6)
    assert (PLAN.trainable, PLAN.non_trainable) == (18 + 2 + 6, 2)


def test_multiply_accumulates_add_up():
    assert PLAN.macs == 288 + 6


def test_the_depth_does_not_count_norms_and_shortcuts():
    assert PLAN.weighted_layers == 2


def test_records_are_found_by_name_and_gathered_by_block():
    assert PLAN.by_name["stage1.block1.norm"] is NORM
    groups = [(stage, block, [record.name.split(".")[-1] for record in records])
              for stage, block, records in PLAN.blocks()]  # fmt: skip
    assert groups == [(None, None, ["input"]), (1, 1, ["conv", "norm", "conv"]), (None, None, ["logits"])]


def test_a_plan_as_json():
    document = json.loads(json.dumps(PLAN.as_dict()))
    assert document["name"] == PLAN.name == "two"
    assert document["input_shape"] == [4, 4, 1]
    assert document["parameters"] == {"trainable": 26, "non_trainable": 2, "total": 28}
    assert document["records"][2]["parameters"][1] == {"name": "moving_mean", "shape": [2], "trainable": False}
    assert document["records"][3]["role"] == "shortcut"
    assert "records" not in PLAN.as_dict(records=False)
