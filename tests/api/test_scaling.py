"""`kresnet.scale`: the network, what it says of itself, and its file."""

from __future__ import annotations

import pytest

import kresnet
from kresnet import KresnetError


@pytest.fixture(scope="module")
def scaled():
    return kresnet.scale("cifar_resnet20", macs="20M", by="width")


def test_the_network_is_an_ordinary_one_within_the_budget(scaled):
    assert scaled.network.plan().macs <= 20_000_000 < scaled.base.plan().macs
    assert kresnet.load(scaled.network.document()).plan() == scaled.network.plan()


def test_the_file_stands_alone_and_gives_the_network(scaled, tmp_path):
    path = scaled.save(tmp_path / "small.yaml")
    assert kresnet.load(path).plan() == scaled.network.plan()
    assert "extends" not in path.read_text()
    with pytest.raises(KresnetError, match="already exists"):
        scaled.save(path)


def test_overrides_and_what_a_document_extends_are_in_the_file(tmp_path):
    (tmp_path / "base.yaml").write_text("extends: cifar_resnet20\nname: base\nhead: {classes: 7}\n")
    scaled = kresnet.scale(tmp_path / "base.yaml", macs=2e7, overrides={"activation": "silu"})
    spec = kresnet.load(scaled.save(tmp_path / "elsewhere.yaml")).spec
    assert (spec.head.classes, spec.activation) == (7, "silu")


def test_it_tells_before_and_after_the_budget_and_how_it_was_found(scaled):
    text = str(scaled)
    row = next(line for line in text.splitlines() if line.startswith("MACs"))
    assert row.split()[-1] == f"{scaled.network.plan().macs / 2e7:.1%}"
    assert "scaled by width" in text
    assert f"{scaled.search.plans_tried} plans tried" in text
    told = scaled.as_dict()
    assert told["after"]["macs"] == scaled.network.plan().macs
    assert told["before"]["parameters"] == 271_098
    assert told["budget"]["macs"]["within"]
    assert told["next_larger"]["macs"] > 20_000_000
    assert told["difference"] == kresnet.diff("cifar_resnet20", scaled.network).as_dict()


def test_a_network_that_fits_already_says_so():
    network = kresnet.load("cifar_resnet20")
    scaled = kresnet.scale(network, macs=network.plan().macs)
    assert not scaled.changed
    assert "is the nearest already: 100.0%" in scaled.summary()


@pytest.mark.parametrize(
    "options", [{}, {"macs": 1e9, "by": "sideways"}, {"macs": 1e9, "width_multiple": 0}, {"macs": "much"}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(KresnetError) as caught:
        kresnet.scale("cifar_resnet20", **options)
    assert caught.value.problems[0].code == "bad_option"


def test_a_name_that_is_none_is_refused():
    with pytest.raises(KresnetError) as caught:
        kresnet.scale("cifar_resnet20", macs=2e7, name="a/b")
    assert caught.value.problems[0].path == "name"
