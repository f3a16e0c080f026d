"""Runs in Python, all in this one process: looked at and used."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kresnet
from tests.api.networks import SPEC


def test_a_run_knows_how_it_went(whole, home):
    assert whole.path == home / "whole"
    assert whole.history.column("epoch") == [1, 2, 3]
    assert whole.history.column("step") == [4, 8, 12]
    assert whole.history == [json.loads(line) for line in (home / "whole" / "history.jsonl").read_text().splitlines()]
    assert whole.result == json.loads((home / "whole" / "result.json").read_text())
    last = whole.history[-1]["test"]
    assert last == {name: whole.result["test"][name] for name in last}
    assert "auroc_macro" in whole.result["test"].keys() - last.keys()  # all outputs are looked at once, at the end
    assert (whole.status.state, whole.status.step) == ("finished", 12)
    assert whole.network.plan() == kresnet.load(SPEC).plan()
    assert whole.recipe.epochs == 3


def test_it_is_found_again_alone_and_among_others(whole, home):
    assert kresnet.open_run(whole.path).history == whole.history
    assert kresnet.open_run(whole).result == whole.result
    (row,) = [row for row in kresnet.list_runs(home) if row["name"] == "whole"]
    assert row == whole.status.as_dict()


def test_it_shows_itself(whole):
    line = f"{whole.path}: finished, 12 of 12 steps, best test accuracy "
    assert repr(whole).startswith(f"<Run {line}")
    html = whole._repr_html_()
    assert line in html
    assert html.count("<tr>") == 4
    for column in ("train.loss", "test.accuracy", "learning_rate"):
        assert f">{column}</th>" in html


def test_its_figure_draws_what_the_history_says(whole):
    figure = whole.plot()
    drawn = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    both = {f"{split} {name}" for split in ("train", "test") for name in ("loss", "accuracy")}
    assert drawn.keys() == both | {"test balanced accuracy", "test macro f1"}
    for label, line in drawn.items():
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(
            line.get_ydata(), whole.history.column(label.replace(" ", ".", 1).replace(" ", "_"))
        )
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_its_model_is_what_the_result_measured(whole, home):
    model = whole.model()
    assert isinstance(model, keras.Model)
    evaluated = whole.evaluate()
    assert evaluated["loss"] == pytest.approx(whole.result["test"]["loss"], rel=1e-5)
    with np.load(home / "data.npz") as data:
        images, labels = data["test_inputs"], data["test_targets"]
    expected = np.asarray(tf.nn.softmax(model(images.astype(np.float32), training=False)))
    answers = whole.predict(images)
    np.testing.assert_allclose([list(each["probabilities"].values()) for each in answers], expected, rtol=1e-5)
    assert [each["image"] for each in answers] == list(range(16))
    accuracy = np.mean([each["class_id"] == label for each, label in zip(answers, labels, strict=True)])
    assert evaluated["accuracy"] == pytest.approx(accuracy)


def test_images_may_be_files_arrays_or_both_of_any_size_and_kind(whole, home):
    with np.load(home / "data.npz") as data:
        pixels = data["test_inputs"][0]
    path = home / "one.png"
    Image.fromarray(pixels[..., 0]).save(path)
    large = np.kron(pixels[..., 0], np.ones((4, 4), np.uint8))
    same = [
        path,
        str(path),
        pixels,
        pixels[..., 0],
        np.repeat(pixels, 3, axis=2),
        Image.open(path),
        tf.constant(pixels),
    ]
    answers = whole.predict(same)
    assert answers[0]["image"] == str(path)
    assert answers[2]["image"] == 2
    probabilities = [each["probability"] for each in answers]
    assert probabilities == pytest.approx([probabilities[0]] * len(same), rel=1e-6)
    assert whole.predict(path)[0]["probability"] == pytest.approx(probabilities[0], rel=1e-6)
    assert len(whole.predict(large)) == len(whole.predict(pixels)) == 1


@pytest.mark.parametrize(
    ("images", "code"),
    [
        ([], "bad_option"),
        (np.zeros((0, 8, 8, 1), np.uint8), "bad_option"),
        ("no such.png", "file_missing"),
        (np.zeros((8, 8, 1), np.float32), "data_mismatch"),
        (np.zeros((8, 8, 4), np.uint8), "data_mismatch"),
        (np.zeros((2, 3, 8, 8, 1), np.uint8), "data_mismatch"),
        ([np.zeros(8, np.uint8), "no such.png"], "data_mismatch"),
        (3, "data_mismatch"),
    ],
)
def test_what_is_no_image_is_told(whole, images, code):
    with pytest.raises(kresnet.KresnetError) as caught:
        whole.predict(images)
    assert caught.value.problems[0].code == code


def test_a_run_that_is_none_is_told(home):
    for wrong in (lambda: kresnet.open_run(home), lambda: kresnet.resume(home / "nowhere", progress=False)):
        with pytest.raises(kresnet.KresnetError, match="holds no run"):
            wrong()
