"""Names of classes, as configurations on the hub give them, and ImageNet's."""

from __future__ import annotations

import pytest

from kresnet.weights.pretrained.class_names import configured_class_names, imagenet_class_names


def test_imagenets_classes_are_a_thousand_with_the_names_that_keras_prints():
    names = imagenet_class_names()
    assert len(set(names)) == len(names) == 1000
    # decode_predictions of keras.applications: the first, some in between, and the last
    assert [names[index] for index in (0, 1, 281, 388, 999)] == [
        "tench", "goldfish", "tabby", "giant panda", "toilet tissue"
    ]  # fmt: skip
    assert [name for name in names if name.startswith("crane")] == ["crane (n02012849)", "crane (n03126707)"]
    assert [name for name in names if name.startswith("maillot")] == ["maillot", "maillot, tank suit"]


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"label_names": ["cat", "dog"]}, ("cat", "dog")),
        ({"pretrained_cfg": {"label_names": {"1": "dog", "0": "cat"}}}, ("cat", "dog")),
        ({"label_names": ["a", "b"], "label_descriptions": {"a": "cat", "b": "dog"}}, ("cat", "dog")),
        ({"label_names": ["a", "b"], "label_descriptions": {"a": "pet", "b": "pet"}}, ("a", "b")),
        ({"id2label": {"0": "cat", "1": "dog"}}, ("cat", "dog")),
        ({"label_names": ["cat"]}, ()),
        ({"label_names": ["cat", "cat"]}, ()),
        ({"label_names": "cats"}, ()),
        ({}, ()),
    ],
)
def test_names_are_taken_from_the_configuration_where_they_tell_classes_apart(config, names):
    assert configured_class_names(config, 2) == names


def test_a_thousand_classes_without_names_are_imagenets():
    assert configured_class_names({}, 1000) == imagenet_class_names()
    assert configured_class_names({"label_names": [str(index) for index in range(1000)]}, 1000)[7] == "7"
