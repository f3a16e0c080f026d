"""Arrays, prepared data sets and what ships with kresnet."""

import numpy as np
import pytest

from kresnet.data.survey import opened
from kresnet.data.survey.opened import survey_opened
from kresnet.errors import KresnetError


def test_the_embedded_images():
    survey = survey_opened({"kind": "embedded"}, ["data.validation=0.1"])
    assert survey.settings == {"kind": "embedded", "validation": 0.1}
    assert list(survey.splits) == ["train", "validation", "test"]
    assert set(survey.splits["test"].classes.values()) == {survey.splits["test"].images // 10}
    assert (survey.headers.only_size, survey.headers.channels) == ((28, 28), 1)
    assert [picture.shape for picture in survey.pictures["Bag"]] == [(28, 28, 1)] * 8


@pytest.mark.parametrize(
    ("targets", "kind", "counts"),
    [
        (np.arange(6) % 2, "classes", {"0": 3, "1": 3}),
        (np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 1, 1]], "labels", {"0": 1, "1": 5, "2": 0}),
        (np.arange(12, dtype=np.float32).reshape(6, 2) / 7, "values", {}),
    ],
)
def test_arrays(tmp_path, targets, kind, counts):
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), np.uint8)
    np.savez(tmp_path / "a.npz", train_inputs=images, train_targets=targets, test_inputs=images, test_targets=targets)
    survey = survey_opened({"kind": "arrays", "path": str(tmp_path / "a.npz")}, ())
    assert (survey.targets, dict(survey.splits["train"].classes)) == (kind, counts)
    assert survey.headers.sizes == {(5, 4): 12}
    assert survey.values == (2 if kind == "values" else 0)


def test_vectors_and_what_is_no_data(tmp_path):
    vectors = np.ones((6, 4), np.float32)
    labels = np.arange(6) % 2
    np.savez(tmp_path / "a.npz", train_inputs=vectors, train_targets=labels, test_inputs=vectors, test_targets=labels)
    assert survey_opened({"kind": "arrays", "path": str(tmp_path / "a.npz")}, ()).pictures == {}
    (tmp_path / "b.npz").write_bytes(b"no arrays")
    for settings, code in (
        ({"kind": "arrays", "path": str(tmp_path / "b.npz")}, "data_mismatch"),
        ({"kind": "tfds", "name": "mnist", "data_dir": str(tmp_path)}, "data_missing"),
    ):
        with pytest.raises(KresnetError) as caught:
            survey_opened(settings, ())
        assert caught.value.problems[0].code == code


def test_a_prepared_data_set_is_looked_at_in_part(shared_data, monkeypatch):
    monkeypatch.setattr(opened, "_MOST_RECORDS", 40)
    monkeypatch.setattr(opened, "_MOST_TARGETS", 200)
    settings = {
        "kind": "tfds",
        "name": "cifar10_jpeg",
        "data_dir": str(shared_data / "tfds"),
        "test_split": "test[:99]",
    }
    survey = survey_opened(settings, ())
    assert survey.settings == settings
    assert (survey.splits["train"].images, sum(survey.splits["train"].classes.values())) == (50_000, 200)
    assert (survey.headers.read, survey.headers.formats, survey.headers.only_size) == (40, {"JPEG": 40}, (32, 32))
    assert len(survey.sampled) == 2
    assert all(isinstance(picture, bytes) for picture in survey.pictures["frog"])
