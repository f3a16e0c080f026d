"""Runs in Python, all in this one process: trained, stopped, continued, looked at, used."""

from __future__ import annotations

import json
import random
import signal
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.python.framework.config import is_op_determinism_enabled

import kresnet
from kresnet.api import training
from kresnet.training.loop.progress import Progress
from tests.api.networks import SPEC, recipe


def weights(run: kresnet.Run) -> list[np.ndarray]:
    return run.model().get_weights()


def assert_same(one: kresnet.Run, other: kresnet.Run) -> None:
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history.column("test.loss") == other.history.column("test.loss")


def test_a_run_knows_how_it_went(whole, home):
    assert whole.path == home / "whole"
    assert whole.history.column("epoch") == [1, 2, 3]
    assert whole.history.column("step") == [4, 8, 12]
    assert whole.history == [json.loads(line) for line in (home / "whole" / "history.jsonl").read_text().splitlines()]
    assert whole.result == json.loads((home / "whole" / "result.json").read_text())
    assert whole.result["test"] == whole.history[-1]["test"]
    assert (whole.status.state, whole.status.step) == ("finished", 12)
    assert whole.network.plan() == kresnet.load(SPEC).plan()
    assert whole.recipe.epochs == 3


def test_it_is_found_again_alone_and_among_others(whole, home):
    assert kresnet.open_run(whole.path).history == whole.history
    assert kresnet.open_run(whole).result == whole.result
    (row,) = [row for row in kresnet.list_runs(home) if row["name"] == "whole"]
    assert row == whole.status.as_dict()


def test_it_shows_itself(whole):
    line = f"{whole.path}: finished, 12 of 12 steps, best accuracy "
    assert repr(whole).startswith(f"<Run {line}")
    html = whole._repr_html_()
    assert line in html
    assert html.count("<tr>") == 4
    for column in ("train.loss", "test.accuracy", "learning_rate"):
        assert f">{column}</th>" in html


def test_its_figure_draws_what_the_history_says(whole):
    figure = whole.plot()
    drawn = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    assert drawn.keys() == {f"{split} {name}" for split in ("train", "test") for name in ("loss", "accuracy")}
    for label, line in drawn.items():
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), whole.history.column(label.replace(" ", ".")))
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


def test_a_second_run_in_the_process_is_the_first_again_and_leaves_random_numbers_alone(whole, home, capsys):
    random.seed(1)
    np.random.seed(1)
    expected = [random.random(), np.random.random()]
    random.seed(1)
    np.random.seed(1)
    keras.config.set_floatx("float32")
    again = kresnet.fit(kresnet.load(SPEC), recipe(home), output=home / "again", progress=False)
    assert capsys.readouterr() == ("", "")
    assert [random.random(), np.random.random()] == expected
    assert not is_op_determinism_enabled()
    assert keras.config.dtype_policy().name == "float32"
    assert_same(again, whole)


def interrupting(after: int):
    """A display that presses the stop button, once, when so many steps are done."""
    pressed: list[int] = []

    class Display(Progress):
        def steps(self, step, metrics, images_per_second):
            if step >= after and not pressed:
                pressed.append(step)
                signal.raise_signal(signal.SIGINT)

    return lambda _: (lambda _: None, Display)


def test_an_interrupt_saves_the_state_and_resume_goes_on_bit_for_bit(whole, home, monkeypatch):
    monkeypatch.setattr(training, "teller", interrupting(after=2))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="the state is saved") as caught:
        kresnet.fit(SPEC, recipe(home), output=home / "stopped")
    assert isinstance(caught.value.__cause__, kresnet.KresnetError)
    assert caught.value.__cause__.problems[0].code == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.undo()
    run = kresnet.open_run(home / "stopped")
    assert (run.status.state, run.status.reason) == ("stopped", "interrupted")
    assert run.result is None
    with pytest.raises(kresnet.KresnetError, match="has not finished"):
        run.model()
    assert_same(run.resume(progress=False), whole)
    modified = (run.path / "result.json").stat().st_mtime_ns
    assert kresnet.resume(home / "stopped", progress=False).result == run.result
    assert (run.path / "result.json").stat().st_mtime_ns == modified


def test_a_run_in_another_thread_trains_without_signals(whole, home):
    found: list[kresnet.Run] = []
    fit = lambda: found.append(kresnet.fit(SPEC, recipe(home), output=home / "thread", progress=False))  # noqa: E731
    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert_same(found[0], whole)


def test_a_run_tells_on_standard_error_alone_and_keeps_its_best_network(whole, home, capsys):
    kept = recipe(home, epochs=1, checkpoints={"keep_best": {"metric": "loss"}})
    run = kresnet.fit(SPEC, kept, output=home / "told")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("epoch 1/1") == 1
    assert "parameters, float32" in err
    for best, last in zip(run.model(best=True).get_weights(), weights(run), strict=True):
        np.testing.assert_array_equal(best, last)
    with pytest.raises(kresnet.KresnetError, match="keeps no best"):
        whole.model(best=True)


def test_tensorflow_is_not_heard_on_compiling_every_run_anew(caplog):
    def compile_often(function):
        for _ in range(8):
            tf.function(function)(tf.constant(1))

    with training._training():
        compile_often(lambda x: x + 1)
    assert not caplog.records
    compile_often(lambda x: x + 2)
    assert "retracing" in caplog.text


def test_overrides_reach_spec_and_recipe(home):
    settings = {"recipe.epochs": 1, "recipe.batch_size": 32, "stages.0.width": 8, "name": "other"}
    found = kresnet.dry_run(SPEC, recipe(home), overrides=settings)
    assert (found.spec, found.resolved_recipe.total_steps, found.resolved_recipe.batch_size) == ("other", 2, 32)
    assert found.memory.total > found.memory.weights > 0


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"network": "resnet51"}, "unknown_name"),
        ({"recipe": None}, "bad_option"),
        ({"recipe": "quickstrat"}, "unknown_name"),
        ({"overrides": {"recipe.epochs": 0}}, "out_of_range"),
        ({"overrides": {"epochs": 3}}, "unknown_field"),
        ({"overrides": {"head.classes": 2}}, "data_mismatch"),
        ({"overrides": {"recipe.schedule": {"kind": "cosine", "warmup_epochs": 9.0}}}, "contradiction"),
        ({"freeze": ["stem"]}, "bad_option"),
        ({"init": "no such.keras"}, "file_missing"),
        ({"output": "whole"}, "output_exists"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(whole, home, settings, code, monkeypatch):
    monkeypatch.chdir(home)
    arguments = {"network": SPEC, "recipe": recipe(home), "output": "never", "progress": False} | settings
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.fit(**arguments)
    assert code in {problem.code for problem in caught.value.problems}
    assert not list(home.glob("*never*"))


def test_a_run_that_is_none_is_told(home):
    for wrong in (lambda: kresnet.open_run(home), lambda: kresnet.resume(home / "nowhere", progress=False)):
        with pytest.raises(kresnet.KresnetError, match="holds no run"):
            wrong()
