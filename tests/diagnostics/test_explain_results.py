"""Where a map has its peak, in the map and in the image."""

from __future__ import annotations

import json

import numpy as np

from kresnet.diagnostics.explain_results import Filters, GradCam, ImageExplanation, StageFeatures


def test_a_place_in_the_map_is_a_place_in_the_image() -> None:
    map = np.zeros((4, 7), np.float32)
    map[3, 1] = 2
    told = GradCam(0, "a", 0.5, 1, "x", map).as_dict((28, 28))
    assert told["maximum_at"] == {"cell": [3, 1], "pixel": [24, 6]}
    assert (told["map_size"], told["maximum"]) == ([4, 7], 2.0)


def test_a_map_without_a_positive_cell_has_no_peak() -> None:
    cam = GradCam(0, "a", 0.5, 1, "x", np.zeros((4, 7), np.float32))
    assert cam.peak is None
    assert cam.as_dict((28, 28))["maximum_at"] is None


def test_values_are_ready_for_json() -> None:
    maps = np.zeros((2, 3, 1), np.float32)
    image = ImageExplanation(
        "a.png", np.zeros((4, 6, 3), np.uint8), 0, "cat", 0.5, (), (StageFeatures(1, "x", (3,), (0.5,), maps),)
    )
    values = json.loads(json.dumps(image.as_dict()))
    assert (values["image"], values["label"], values["grad_cam"]) == ("a.png", "cat", [])
    assert values["features"] == [{"stage": 1, "map": "x", "map_size": [2, 3], "channels": [3], "strengths": [0.5]}]
    assert Filters("stem.conv", np.zeros((8, 3, 3, 1))).as_dict() == {
        "layer": "stem.conv",
        "count": 8,
        "kernel": [3, 3, 1],
    }
