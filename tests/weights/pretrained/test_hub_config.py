"""What a model's configuration on the hub says, as timm reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kresnet.errors import KresnetError
from kresnet.weights.pretrained.class_names import imagenet_class_names
from kresnet.weights.pretrained.hub_config import forbids_commercial_use, read_hub_model
from tests.weights.small_hub_model import config, pretrained


def read(folder: Path, document, card: str | None = None, repository: str = "me/net", **options):
    """What a configuration says."""
    path = folder / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    if card is not None:
        (folder / "README.md").write_text(card)
    return read_hub_model(path, folder / "README.md" if card is not None else None, "net", repository, **options)


def test_pixels_size_crop_and_classes_are_the_configurations(tmp_path):
    model = read(tmp_path, config())
    assert model.architecture == "resnet50d"
    assert model.class_names == tuple(f"class {index}" for index in range(5))
    document = model.loaded.value.document()
    assert document["name"] == "net"
    assert document["input"]["shape"] == [35, 35, 3]
    assert document["input"]["pixels"]["mean"] == [0.485, 0.456, 0.406]
    assert document["input"]["resize"] == {
        "kind": "center_crop", "shorter_side": 38, "interpolation": "bicubic", "rounding": "half_even"
    }  # fmt: skip
    assert document["head"]["classes"] == 5
    assert "48x48 (crop_pct 1.0)" in model.notes[0]


def test_the_size_at_which_authors_measure_is_taken_where_it_is_asked_for(tmp_path):
    model = read(tmp_path, config(), test_size=True)
    entered = model.loaded.value.input
    assert entered.shape == (48, 48, 3)
    assert entered.resize.shorter_side == 48
    assert model.notes == ()
    same = pretrained(test_input_size=None, test_crop_pct=None)
    assert read(tmp_path, same).notes == ()
    assert read(tmp_path, same, test_size=True).loaded.value.input.shape == (35, 35, 3)


def test_a_configuration_of_one_level_is_read_as_timm_reads_it(tmp_path):
    whole = config()
    old = {"architecture": "resnet18", **whole["pretrained_cfg"], "num_classes": 1000, "labels": None}
    model = read(tmp_path, old)
    assert model.architecture == "resnet18"
    assert model.class_names == imagenet_class_names()


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        (None, "apache-2.0"),
        ("---\nlicense: cc-by-nc-4.0\n---\n", "cc-by-nc-4.0"),
        ("---\nlicense: other\nlicense_name: some-research-only\n---\n", "some-research-only"),
        ("no head", "apache-2.0"),
        ("---\nlicense: [\n---\n", "apache-2.0"),
    ],
)
def test_the_cards_licence_goes_before_the_configurations(tmp_path, card, licence):
    assert read(tmp_path, config(), card).licence == licence


def test_timms_own_list_says_the_licence_where_nothing_else_does(tmp_path):
    document = pretrained(license=None)
    assert read(tmp_path, document).licence == ""
    assert read(tmp_path, document, repository="timm/resnet50.fb_swsl_ig1b_ft_in1k").licence == "cc-by-nc-4.0"


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [
        ("cc-by-nc-4.0", True), ("cc-by-nc-sa-4.0", True), ("fair-noncommercial-research-license", True),
        ("x-research-only", True), ("apache-2.0", False), ("bsd-3-clause", False), ("ncsa", False), ("", False),
    ],
)  # fmt: skip
def test_licences_that_forbid_commercial_use_are_known_by_their_names(licence, forbids):
    assert forbids_commercial_use(licence) is forbids


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        ("{", "model_unreadable", "as JSON"),
        ("[" * 100_000, "model_unreadable", "as JSON"),
        ("[]", "model_unreadable", "no JSON object"),
        ({"model_type": "bert"}, "weights_unknown", "not of timm's form"),
        ({"architecture": "vit_base_patch16_224"}, "weights_unknown", "vit_base_patch16_224"),
        ({"architecture": "resnet50", "model_args": {"drop_block_rate": 0.1}}, "weights_unknown", "drop_block_rate"),
        ({"architecture": "resnet50", "model_args": 3}, "weights_unknown", "not of timm's form"),
        ({"architecture": "resnet50", "pretrained_cfg": {"mean": "grey"}}, "weights_unknown", "mean"),
    ],
)
def test_what_is_damaged_or_cannot_be_said_is_told(tmp_path, document, code, words):
    with pytest.raises(KresnetError) as raised:
        read(tmp_path, document)
    (problem,) = raised.value.problems
    assert problem.code == code
    assert words in str(problem)
