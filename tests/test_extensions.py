"""Kinds from outside, by the public interface alone: a script's, and those of installed packages."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import kresnet.extensions
from kresnet.errors import KresnetError
from kresnet.extensions import Block, register_attention, register_block, register_norm
from kresnet.plan import Plan
from kresnet.spec.loading import load_spec
from kresnet.spec.schema import json_schema
from tests import outside_recipe
from tests.command import forked_python, kresnet_process, users_environment
from tests.command import kresnet as cli
from tests.golden.regenerate import FIGURES, plan_of
from tests.installed import install
from tests.outside_block import OutsideBottleneck, append
from tests.plan.mutations import ignored_fields
from tests.plan.networks import SMALL, block, plan
from tests.strategies import examples, planned, specs

ROOT = Path(__file__).parents[1]

#: Every kind of thing that can be registered, in one module.
TOYS = """
from typing import Literal
from kresnet.extensions import (
    Attention, Block, Norm, Width, register_attention, register_block, register_norm, register_record,
)

class Wobble(Block):
    \"\"\"A convolution, doubled.\"\"\"
    kind: Literal["wobble"]
    times: Width = 2
    \"\"\"How often.\"\"\"

def append(context, x):
    for number in range(context.block.times):
        x = context.conv(x, f"conv{number}", context.width, 3, context.step if number == 0 else context.later)
    return context.builder.append("twist", "twist", (x,), x.shape)

def twist_layer(context, record):
    import keras
    return keras.layers.Activation("tanh", **context.common_arguments(record))

register_record("twist", twist_layer, describe=lambda record: "twist", keeps=("output",), in_trunk=True)
register_block(Wobble, append, label="wobbly")
"""


@pytest.fixture
def outside() -> Iterator[None]:
    register_block(OutsideBottleneck, append)
    yield
    Block.kinds.forget("outside_bottleneck")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("resnet50", {}),
        ("resnet50_d", {}),
        ("resnet50_v2", {}),
        ("se_resnet50", {}),
        ("resnet50", {"block.anti_alias": "blur", "block.shortcut": "identity_pad", "output_stride": 16}),
    ],
)
def test_a_bottleneck_from_outside_is_planned_as_the_one_that_ships(outside, name, changes):
    def without_kind(found: Plan) -> Plan:
        return replace(found, block_kinds=())

    given = load_spec(name, changes)
    own = {key: value for key, value in given.source.values["block"].items() if key not in ("kind", "stride_on")}
    document = given.source.values | {"block": own | {"kind": "outside_bottleneck"}}
    theirs = kresnet.load(document).plan()
    assert without_kind(theirs) == without_kind(kresnet.load(name, changes).plan())
    if not changes:
        golden = json.loads(FIGURES.read_text())[name]
        assert (theirs.trainable, theirs.macs, len(theirs.records)) == tuple(
            golden[key] for key in ("trainable", "macs", "records")
        )


@pytest.fixture(scope="module")
def registered() -> Iterator[dict[str, Any]]:
    """Kinds for random specs, with their settings."""
    register_block(OutsideBottleneck, append)
    yield {"outside_bottleneck": {"expansion": st.sampled_from([1, 2, 3])}}
    Block.kinds.forget("outside_bottleneck")


def test_random_networks_of_registered_kinds(registered):
    """They are read as they were written, no setting of theirs is ignored, and the schema takes them."""
    validator = Draft202012Validator(json_schema("spec"))
    seen = set()

    @examples(5, shrink=False)
    @given(specs(most_stages=2, most_blocks=2, registered=registered))
    def check(found):
        spec, plan = found
        seen.update(plan.block_kinds)
        assert planned(spec.document()) == found
        validator.validate(spec.document())
        assert list(ignored_fields(spec, plan, slice(None, None, 10))) == []

    check()
    assert "outside_bottleneck" in seen


def test_what_ships_knows_no_kind_by_its_class():
    """Blocks, attention and norms are asked what they are; only where they are defined are their classes named."""
    kinds = {"BasicBlock", "BottleneckBlock", "DenseBlock", "SqueezeExcite", "EfficientChannel", "LayerNorm", "NoNorm"}
    kinds |= {"ConvNeXtBlock", "FusedInvertedBlock", "InvertedBlock"}
    homes = {"spec/block_kinds.py", "spec/attention.py", "spec/norms.py"}
    homes |= {"plan/block_kinds.py", "plan/attention.py", "plan/norm_kinds.py"}
    homes |= {"spec/convnext.py", "plan/convnext.py", "spec/inverted_blocks.py", "plan/inverted_blocks.py"}
    homes |= {"weights/pretrained/timm_mobilenet.py"}  # which computes widths by their settings
    for path in (ROOT / "kresnet").rglob("*.py"):
        if str(path.relative_to(ROOT / "kresnet")) not in homes:
            names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
            assert not names & kinds, path


def test_kinds_that_are_none_are_refused():
    for register, rest in ((register_block, [append]), (register_attention, [append]), (register_norm, [None])):
        with pytest.raises(KresnetError, match=r"\[extension_broken\]"):
            register(dict, *rest)


def test_everything_that_is_offered_is_there_and_no_tensorflow_is_imported():
    assert all(hasattr(kresnet.extensions, name) for name in kresnet.extensions.__all__)
    probe = "import sys, kresnet.extensions; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Options for a process in which the toys are installed, and a spec that names one."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder, "toy-blocks", {"kresnet.blocks": {"wobble": "toy_blocks"}}, toy_blocks=TOYS)
    document = SMALL | {"norm": {"kind": "none"}, "block": {"kind": "wobble"}, "stochastic_depth": 0.0}
    (folder / "wobbly.yaml").write_text(json.dumps(document | {"stages": SMALL["stages"]}, indent=2))
    paths = [str(folder), *filter(None, [users_environment().get("PYTHONPATH")])]
    return {"cwd": folder, "env": users_environment() | {"PYTHONPATH": ":".join(paths)}}


def test_an_installed_block_is_planned_and_drawn_in_its_own_words(toys):
    done = kresnet_process("plan", "wobbly.yaml", **toys)
    assert done.returncode == 0, done.stderr
    assert "wobbly 3x3 8, 3x3 8, twist" in done.stdout
    assert "wobbly 3x3 16 /2, 3x3 16, twist" in done.stdout


def test_an_installed_block_has_lines_in_its_errors_and_stands_in_the_schema(toys):
    done = kresnet_process("plan", "wobbly.yaml", "--set", "stages.1.block.time=3", **toys)
    assert done.returncode == 2
    assert "`time` is not a field of a wobble. [unknown_field]" in done.stderr
    assert "did you mean: times" in done.stderr
    schema = json.loads(kresnet_process("schema", "spec", **toys).stdout)
    assert schema["$defs"]["Wobble"]["properties"]["times"]["description"] == "How often."
    Draft202012Validator(schema).validate(json.loads((toys["cwd"] / "wobbly.yaml").read_text()))


def test_without_the_package_its_kind_is_unknown():
    with pytest.raises(KresnetError, match=r"There is no kind `wobble` of block. \[wrong_value\]"):
        plan(block={"kind": "wobble"})


def test_the_other_kinds_of_a_script(monkeypatch):
    """An attention and a norm of one's own, with new words and parameters."""
    from tests import outside_kinds

    outside_kinds.register()
    try:
        network = plan(block={"attention": {"kind": "half"}, "norm": {"kind": "gamma_only"}})
        records = block(network, 1, 1)
        assert records["half.gate"].role == "attention"
        assert [each.name for each in records["norm1"].parameters] == ["gamma"]
        assert "by half" in str(network)
    finally:
        outside_kinds.forget()
    assert plan_of("resnet18").trainable


#: Runs commands one after the other in one process, in which a package lies on the path, and prints their statuses.
COMMANDS = """
import json, sys
folder, *commands = json.loads(sys.argv[1])
sys.path.insert(0, folder)
from kresnet.cli.main import main
for command in commands:
    try:
        main(command)
    except SystemExit as done:
        print("status", done.code or 0, flush=True)
"""


@pytest.fixture(scope="module")
def recipe_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed package of a block and of all that recipes name, and a spec and a recipe of them."""
    folder = tmp_path_factory.mktemp("package")
    groups = {
        "losses": "poly1", "metrics": "brier extreme_logit", "optimizers": "lion", "schedules": "inverse_root",
        "augmentations": "darken", "data_sources": "stripes",
    }  # fmt: skip
    offers = {f"kresnet.{group}": dict.fromkeys(kinds.split(), "toy_recipe") for group, kinds in groups.items()}
    recipe_kinds = (ROOT / "tests" / "outside_recipe.py").read_text() + "\n\nregister()\n"
    offers |= {"kresnet.blocks": {"wobble": "toy_blocks"}}
    install(folder / "site", "toy-kinds", offers, toy_blocks=TOYS, toy_recipe=recipe_kinds)
    spec = outside_recipe.SPEC | {"block": {"kind": "wobble"}, "norm": {"kind": "none"}}
    (folder / "toy.yaml").write_text(json.dumps(spec))
    (folder / "toy_recipe.yaml").write_text(json.dumps(outside_recipe.RECIPE))
    return folder


@pytest.mark.parametrize("exported", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_installed_package_is_planned_fitted_evaluated_and_exported(recipe_package, exported):
    run = recipe_package / f"run{exported}"
    commands = [
        ["plan", "toy.yaml"],
        ["fit", "toy.yaml", "--recipe", "toy_recipe.yaml", "-o", str(run), "--set", "recipe.epochs=1"],
        ["evaluate", str(run)],
        *([["export", str(run), "-o", str(recipe_package / "models")]] if exported else []),
    ]
    done = forked_python(COMMANDS, json.dumps([str(recipe_package / "site"), *commands]), cwd=recipe_package)
    assert done.stdout.count("status 0") == len(commands), done.stdout + done.stderr
    assert "wobbly 3x3 4, 3x3 4, twist" in done.stdout
    assert "matthews correlation" in done.stdout
    assert "brier" in json.loads((run / "result.json").read_text())["test"]
    given = json.loads((run / "environment.json").read_text())["extensions"]
    assert {each["distribution"] for each in given} == {"toy-kinds"}
    assert {each["of"] for each in given} >= {"block", "loss", "metric", "optimizer", "schedule", "augmentation"}

    for command in (["fit", "--resume", str(run), "--epochs", "2"], ["evaluate", str(run)]):
        missing = cli(*command, cwd=recipe_package)
        assert missing.returncode == 2
        assert "of toy-kinds==1.0, which is not installed." in missing.stderr
        assert "pip install toy-kinds==1.0" in missing.stderr
