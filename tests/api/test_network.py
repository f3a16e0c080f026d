"""Networks in Python: the same as on the command line, and shown without trusting what they are called."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import kresnet
from kresnet.cli.main import main
from kresnet.spec import library
from kresnet.spec.document import parse_document

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'


class Reader(HTMLParser):
    """Tags and texts; whatever is opened must be closed."""

    def __init__(self, html: str) -> None:
        """Read it all."""
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def printed(capsys, *arguments: str):
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["resnet50", "cifar_preact164", "residual_mlp", "resnetrs50", "resnet50_backbone"])
def test_the_plan_is_the_one_that_the_command_line_prints(name, capsys):
    assert json.loads(json.dumps(kresnet.load(name).plan().as_dict())) == printed(capsys, "plan", name)


def test_overrides_give_what_set_gives(capsys):
    network = kresnet.load("resnet50", {"head.classes": 10, "stages.0.blocks": 1})
    shown = printed(capsys, "plan", "resnet50", "--set", "head.classes=10", "--set", "stages.0.blocks=1")
    assert json.loads(json.dumps(network.plan().as_dict())) == shown


def test_specs_diff_and_schema_are_those_of_the_command_line(capsys):
    assert printed(capsys, "specs") == {"specs": json.loads(json.dumps(kresnet.specs()))}
    assert set(kresnet.specs().column("name")) == set(library.shipped_names())
    difference = kresnet.diff("resnet18", kresnet.load("resnet34", {"head.classes": 10}))
    assert printed(capsys, "diff", "resnet18", "resnet34", "--set-b", "head.classes=10") == difference.as_dict()
    with pytest.raises(SystemExit):
        main(["schema", "recipe"])
    assert json.loads(capsys.readouterr().out) == kresnet.schema("recipe")


def test_a_name_a_path_a_mapping_a_spec_and_a_network_are_the_same(tmp_path):
    network = kresnet.load("resnet18")
    path = tmp_path / "mine.yaml"
    path.write_text(network.spec.yaml())
    for reference in (path, str(path), network.document(), network.spec, network):
        assert kresnet.load(reference).plan() == network.plan()


def test_an_overridden_network_is_another():
    network = kresnet.load("resnet18")
    smaller = network.override({"stages.3.blocks": 1})
    assert smaller.plan().trainable < network.plan().trainable
    assert network.spec == kresnet.load("resnet18").spec


def test_settings_keep_their_places_through_overrides(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: resnet18\nname: mine\nhead: {classes: 10, dropout: 0.5}\n")
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.load(path).override({"head.kind": "none"})
    places = {problem.path: str(problem.place) for problem in caught.value.problems}
    assert places["head.dropout"] == f"{path}:3:21"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: kresnet.load("resnet51"), "unknown_name"),
        (lambda: kresnet.load("no/such.yaml"), "file_missing"),
        (lambda: kresnet.load(""), "unknown_name"),
        (lambda: kresnet.load(None), "wrong_type"),
        (lambda: kresnet.load({}), "missing_field"),
        (lambda: kresnet.load("resnet18", {"stem.widht": 3}), "unknown_field"),
        (lambda: kresnet.load("resnet18", {"recipe.epochs": 3}), "bad_override"),
        (lambda: kresnet.load("resnet18", {"input.shape": [8, 8, 3]}), "map_too_small"),
        (lambda: kresnet.load("resnet18", {"block.shortcut": "none", "block.projection_norm": True}), "unknown_field"),
        (lambda: kresnet.recipe("quickstrat"), "unknown_name"),
        (lambda: kresnet.recipe("quickstart", {"epochs": 0}), "out_of_range"),
        (lambda: kresnet.schema("network"), "bad_option"),
        (lambda: kresnet.load("resnet18").build(precision="float8"), "bad_option"),
    ],
)
def test_mistakes_are_told_as_problems(call, code):
    with pytest.raises(kresnet.KresnetError) as caught:
        call()
    assert code in {problem.code for problem in caught.value.problems}


def test_a_notebook_shows_a_plan_as_a_table_and_a_drawing():
    network = kresnet.load("resnet50")
    shown = Reader(network._repr_html_())
    assert shown.tags.count("table") == shown.tags.count("img") == 1
    for text in ("stage 3", "bottleneck 1x1 256, 3x3 256, 1x1 1024", "(N, 14, 14, 1024)", "5,601,280", "1.092 G"):
        assert text in [each.strip("\N{EM SPACE}") for each in shown.texts]
    assert network.plan()._repr_html_() == network._repr_html_()
    (source,) = [value for name, value in shown.attributes if name == "src"]
    picture = base64.b64decode(str(source).removeprefix("data:image/svg+xml;base64,"))
    assert picture.decode() == network.drawing()
    ElementTree.fromstring(picture)


def test_a_notebooks_own_colours_are_kept():
    for shown in (kresnet.load("resnet18"), kresnet.specs(), kresnet.recipe("quickstart")):
        read = Reader(shown._repr_html_())
        assert "style" not in read.tags
        assert {name for name, _ in read.attributes} <= {"style", "src", "alt"}
        styles = {each.split(":")[0] for name, value in read.attributes if name == "style" for each in value.split(";")}
        assert styles <= {"text-align", "font-weight"}


def test_what_others_wrote_is_text_and_not_markup():
    network = kresnet.load("resnet18", {"source": HOSTILE, "published": [{"source": HOSTILE, "macs": 1.0}]})
    for html in (network._repr_html_(), network.spec._repr_html_()):
        shown = Reader(html)
        assert {"script"}.isdisjoint(shown.tags)
        assert not [name for name, _ in shown.attributes if name.startswith("on")]
        assert HOSTILE in "".join(shown.texts)


def test_specs_and_recipes_are_shown_as_the_documents_that_they_are():
    for document in (kresnet.load("resnet18").spec, kresnet.recipe("imagenet_rsb_a3")):
        (text,) = Reader(document._repr_html_()).texts
        assert parse_document(text, "shown").values == document.document()


def test_a_plan_prints_as_a_table_and_is_a_line_elsewhere():
    plan = kresnet.load("resnet18").plan()
    assert repr(plan) == "<Plan resnet18: 11,699,112 parameters, 1.814 G MACs, 18 weighted layers>"
    header, rule, *lines = str(plan).splitlines()
    assert header.split() == ["part", "layers", "shortcut", "output", "parameters", "MACs"]
    assert set(rule) == {"─"}
    (blocks,) = [line for line in lines if line.startswith("  blocks 1-2 ") and "(N, 56, 56, 64)" in line]
    assert header.index("output") == blocks.index("(N, ")
    assert lines[-1] == "resnet18: 11,699,112 parameters, 1.814 G MACs, 18 weighted layers"


def test_a_difference_shows_what_was_set_and_what_it_costs():
    difference = kresnet.diff("resnet18", kresnet.load("resnet34", {"name": "b"}))
    assert repr(difference) == "<Difference of b from resnet18: 4 settings, 8 parts>"
    lines = str(difference).splitlines()
    assert lines[0].split() == ["setting", "resnet18", "(a)", "b", "(b)"]
    assert "stages.2.blocks  2             6" in lines
    assert "parameters: 11,699,112 → 21,814,696 (+10,115,584, +86.5%)" in lines
    shown = Reader(difference._repr_html_())
    assert {"stages.2.blocks", "b (b)", lines[-1]} <= set(shown.texts)


def test_a_saved_network_is_what_build_writes(tmp_path, capsys):
    network = kresnet.load("quickstart", {"stages": [{"blocks": 1, "width": 8}], "stem.width": 8})
    files = network.save(tmp_path / "saved")
    assert files == ["model.keras", "network.svg", "plan.json", "spec.yaml"]
    assert json.loads(Path(tmp_path / "saved" / "plan.json").read_text()) == network.plan().as_dict()
    assert kresnet.load(tmp_path / "saved" / "spec.yaml").plan() == network.plan()
    with pytest.raises(kresnet.KresnetError, match="already exists"):
        network.save(tmp_path / "saved")


def test_a_built_model_is_the_plan_with_reproducible_weights():
    network = kresnet.load("quickstart", {"stages": [{"blocks": 1, "width": 8}], "stem.width": 8})
    one, same, other = (network.build(seed=seed).get_weights()[0] for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()
    assert network.build().count_params() == network.plan().trainable + network.plan().non_trainable
