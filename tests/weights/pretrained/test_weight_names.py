"""Names of weights, taken apart; paths are none."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.weights.pretrained.weight_names import WeightName, parse_weight_name

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("timm/resnet50.a1_in1k", WeightName("hub", "timm/resnet50.a1_in1k", "timm/resnet50.a1_in1k")),
        ("hf:me/net@v1.0", WeightName("hub", "hf:me/net@v1.0", "me/net", "v1.0")),
        ("hf:me/net@refs/pr/1", WeightName("hub", "hf:me/net@refs/pr/1", "me/net", "refs/pr/1")),
        ("keras/ResNet50V2", WeightName("keras", "keras/ResNet50V2", "ResNet50V2")),
        ("https://a.org/b/c.pth", WeightName("address", "https://a.org/b/c.pth", "https://a.org/b/c.pth")),
        ("https:/a.org/c.pth", WeightName("address", "https://a.org/c.pth", "https://a.org/c.pth")),  # as Path has it
        (
            f"http://localhost:80/c.pth#sha256={DIGEST}",
            WeightName(
                "address",
                f"http://localhost:80/c.pth#sha256={DIGEST}",
                "http://localhost:80/c.pth",
                sha256=DIGEST,
            ),
        ),
    ],
)
def test_a_name_is_taken_apart(text, name):
    assert parse_weight_name(text) == name


@pytest.mark.parametrize("text", ["model.keras", "runs/a", "timmy/a", "./timm/a", "/tmp/hf:", "resnet50", "c:/x"])
def test_a_path_is_no_name(text):
    assert parse_weight_name(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hf:net", "no name of weights"),
        ("timm/", "no name of weights"),
        ("timm/a@", "no name of weights"),
        ("timm/../a", "no name of weights"),
        ("http://a.org/c.pth", "not encrypted"),
        ("https://me:secret@a.org/c.pth", "password"),
        ("https://a.org/c.pth?signature=1", "signature"),
        ("https://a.org/c.pth#sha256=12", "no digest"),
    ],
)
def test_what_begins_as_a_name_and_is_none_is_told(text, words):
    with pytest.raises(KresnetError, match=words) as raised:
        parse_weight_name(text)
    assert raised.value.problems[0].code == "weights_unknown"
    assert "secret" not in str(raised.value)


def test_what_is_on_disk_is_a_path_or_a_folder_of_the_hubs_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "timm" / "net"
    folder.mkdir(parents=True)
    assert parse_weight_name("timm/net") is None
    (folder / "config.json").write_text("{}")
    assert parse_weight_name("timm/net") == WeightName("folder", "timm/net", "timm/net")
    assert parse_weight_name("hf:timm/net").kind == "hub"


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("timm/resnet50.a1_in1k", "resnet50.a1_in1k"),
        ("https://a.org/b/resnet50-11ad3fa6.pth", "resnet50-11ad3fa6"),
        ("https://a.org/%2e.pth", "2e"),
        ("https://a.org/", "weights"),
    ],
)
def test_files_have_a_name_that_a_file_can_have(text, stem):
    assert parse_weight_name(text).stem == stem
