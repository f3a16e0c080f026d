"""The unfolded network holds every record of the plan once, on the path that it is on."""

import typing

import pytest

from kresnet.plan import plan_loaded
from kresnet.report.network_tree import OPTIONS, NetworkStage, network_stages
from kresnet.spec import library
from kresnet.spec.blocks import Shortcut
from kresnet.spec.loading import load_spec


def unfolded(name: str, *overrides: str) -> list[NetworkStage]:
    loaded = load_spec(name, list(overrides))
    return network_stages(plan_loaded(loaded), loaded.value)


@pytest.mark.parametrize("name", library.shipped_names())
def test_every_layer_and_figure_of_a_shipped_network_is_there_once(name):
    loaded = load_spec(name)
    plan = plan_loaded(loaded)
    found = network_stages(plan, loaded.value)
    cards = [card for level in found for card in level.cards]
    assert sum(len(card.layers) * card.count for card in cards) == len(plan.records)
    assert sum(card.parameters * card.count for card in cards) == plan.trainable + plan.non_trainable
    assert sum(level.macs for level in found) == plan.macs
    assert sum(level.parameter_share for level in found) == pytest.approx(1.0)
    assert sum(level.mac_share for level in found) == pytest.approx(1.0)


def test_stages_say_their_blocks_order_and_option():
    stage = unfolded("resnet152")[3]
    assert stage.title == "Stage 3"
    assert stage.description[0] == "36 bottleneck blocks"
    assert stage.description[1] == "order: post activation"
    assert "option B" in stage.description[2]
    assert [(card.title, card.count) for card in stage.cards] == [("Block 1", 1), ("Blocks 2-36", 35)]
    assert "option A" in unfolded("cifar_resnet20")[1].description[2]
    assert "option C" in unfolded("resnet34_c")[1].description[2]
    assert "plain" in unfolded("plain18")[1].description[2]


def test_every_shortcut_has_words():
    assert set(typing.get_args(Shortcut)) == OPTIONS.keys()


def test_the_deepest_network_is_a_dozen_cards():
    assert sum(len(level.cards) for level in unfolded("cifar_resnet1202")) < 12


def test_a_projection_runs_beside_the_branch_and_the_activation_comes_after_the_addition():
    paths = unfolded("resnet50")[1].cards[0].paths
    assert [layer.words for layer in paths.shortcut] == ["1x1 256", "batch norm"]
    assert [layer.kind for layer in paths.branch] == [
        "conv", "norm", "activation", "conv", "norm", "activation", "conv", "norm",
    ]  # fmt: skip
    assert [layer.kind for layer in paths.after] == ["add", "activation"]
    assert paths.before == ()


def test_what_both_paths_read_comes_before_them():
    paths = unfolded("resnet50_v2")[2].cards[0].paths
    assert [layer.kind for layer in paths.before] == ["norm", "activation"]
    assert [layer.kind for layer in paths.after] == ["add"]
    assert all(layer.name.startswith("shortcut.") for layer in paths.shortcut)


def test_plain_blocks_have_one_path_and_dense_ones_two():
    plain = unfolded("plain18")[1].cards[0]
    assert not plain.paths.adds
    assert plain.shortcut == "none"
    dense = unfolded("residual_mlp")[1].cards[0]
    assert dense.paths.adds
    assert "dense" in {layer.kind for layer in dense.paths.branch}


def test_attention_stands_aside_and_dropped_depth_is_told():
    card = unfolded("resnet50", "block.attention={kind: squeeze_excite}", "stochastic_depth=0.2")[1].cards[0]
    aside = [layer.name for layer in card.paths.branch if layer.aside]
    assert "squeeze_excite.reduce" in aside
    assert any("squeeze-excite" in extra for extra in card.extras)
    assert any("stochastic depth" in extra for extra in card.extras)


def test_shortcuts_of_either_option_have_their_arc():
    arcs = {card.arc for level in unfolded("resnet34_a") for card in level.cards}
    assert arcs == {"identity", "pad", "none"}  # none: stem and head
