"""Other data are found as they lie, and their classes get the network's numbers, by name."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from kresnet.data.sources.other_data import open_other_data
from kresnet.errors import KresnetError
from kresnet.plan import make_plan
from kresnet.spec.architecture import Spec

SPEC = {
    "name": "tiny",
    "input": {"shape": [8, 8, 3]},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
    "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 4}],
    "head": {"classes": 3},
}
NAMES = ("bird", "cat", "dog")


def network(**head):
    spec = Spec.model_validate(SPEC | {"head": {"classes": 3} | head})
    return SimpleNamespace(spec=spec, plan=make_plan(spec))


def opened(document, names=NAMES, split=None, **head):
    tiny = network(**head)
    return open_other_data(document, tiny.spec, tiny.plan, names, split=split)


def folder(path):
    return {"kind": "folder", "path": str(path)}


def targets(data):
    _, found = data.split.fetch(np.arange(len(data.split)))
    np.testing.assert_array_equal(found, data.split.targets())
    return found.numpy().tolist()


@pytest.mark.parametrize("split", [None, "test"])
def test_a_folder_of_splits(image_folder, split):
    data = opened(folder(image_folder), split=split)
    assert (data.split_name, targets(data)) == ("test", [1, 1, 2, 2])
    assert data.differences == (f"{image_folder} has no examples of bird.",)
    assert len(opened(folder(image_folder), split="train").split) == 11


def test_a_folder_of_classes(image_folder):
    data = opened(folder(image_folder / "train"))
    assert (data.name, data.split_name) == (str(image_folder / "train"), "")
    assert targets(data) == [1] * 6 + [2] * 5


def test_the_only_split_is_taken_and_of_several_one_has_to_be_named(make_folder):
    path = make_folder(scans={"dog": 2})
    assert (opened(folder(path)).split_name, targets(opened(folder(path)))) == ("scans", [2, 2])
    make_folder(others={"dog": 1})
    with pytest.raises(KresnetError) as caught:
        opened(folder(path))
    (problem,) = caught.value.problems
    assert (problem.code, problem.expected, problem.remedy) == ("data_missing", "others, scans", "--split others")
    with pytest.raises(KresnetError, match="no split scan"):
        opened(folder(path), split="scan")


def test_classes_that_the_network_does_not_have_are_refused(image_folder):
    with pytest.raises(KresnetError) as caught:
        opened(folder(image_folder), ("bird", "cats", "dog"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.found, problem.nearest) == ("data_mismatch", "cat", "cats")


def arrays(path, **contents):
    np.savez(path, **contents)
    return {"kind": "arrays", "path": str(path)}


IMAGES = np.zeros((4, 8, 8, 3), np.uint8)


def test_arrays_need_the_split_alone_and_are_matched_by_number_without_names(tmp_path):
    file = arrays(tmp_path / "x.npz", new_inputs=IMAGES, new_targets=np.array([0, 1, 1, 0]))
    data = opened(file)
    assert (data.split_name, targets(data)) == ("new", [0, 1, 1, 0])
    assert "by number" in data.differences[0]
    named = arrays(
        tmp_path / "y.npz",
        test_inputs=IMAGES,
        test_targets=np.array([0, 1, 1, 0]),
        class_names=np.array(["dog", "cat"]),
    )
    assert targets(opened(named)) == [2, 1, 1, 2]
    too_many = arrays(tmp_path / "z.npz", test_inputs=IMAGES, test_targets=np.array([0, 1, 3, 0]))
    with pytest.raises(KresnetError, match="does not have"):
        opened(too_many)


def test_labels_are_matched_by_name_and_those_that_are_not_there_are_absent(tmp_path):
    found = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32)
    file = arrays(tmp_path / "x.npz", test_inputs=IMAGES, test_targets=found, class_names=np.array(["dog", "bird"]))
    data = opened(file, multi_label=True)
    assert targets(data) == [[0, 0, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert data.differences == ("x.npz has no examples of cat.",)
    with pytest.raises(KresnetError) as caught:
        opened(file)
    assert (caught.value.problems[0].expected, caught.value.problems[0].found) == (
        "one class an image",
        "independent labels",
    )


def test_a_network_without_names_takes_as_many_classes_in_their_order(image_folder):
    with pytest.raises(KresnetError, match="without names") as caught:
        opened(folder(image_folder), ("0", "1", "2"))
    assert "--classes FILE" in caught.value.problems[0].remedy
    data = opened(folder(image_folder), ("0", "1"), classes=2)
    assert targets(data) == [0, 0, 1, 1]
    assert "in order" in data.differences[0]
