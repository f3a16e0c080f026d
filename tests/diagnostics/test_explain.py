"""Grad-CAM is what its paper defines, finds what a planted network looks at, and reaches the user as files."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kresnet
from kresnet.cli.main import main
from kresnet.diagnostics.explain import ActivationReader, explain, first_filters, stage_ends
from kresnet.diagnostics.explain_figures import draw_explanation
from kresnet.diagnostics.explain_results import GradCam
from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.plan import make_plan
from kresnet.probes.replay import replay
from kresnet.runs.trained_model import open_trained_model
from kresnet.spec.architecture import Spec
from kresnet.spec.blocks import Order
from kresnet.spec.document import dump
from kresnet.spec.loading import load_recipe
from tests.export.networks import CLASS_NAMES, network, spec_of
from tests.graph.random_weights import randomize
from tests.probes.small_networks import document, images, plan_of


@pytest.mark.parametrize("order", get_args(Order))
def test_before_an_average_and_one_dense_layer_it_is_cam(order: str) -> None:
    """There Grad-CAM is Zhou et al.'s CAM (2016), Σ_k w_k A_k, over the number of cells (section 3.1 of the paper)."""
    plan = plan_of(block={"kind": "basic", "order": order})
    model = randomize(build_model(plan))
    pixels = images(1)[0][0]
    look, end = ActivationReader(model, plan), stage_ends(plan)[2].name
    reader = keras.Model(model.input, [model.get_layer(end).output, model.output])
    (map,), (logits,) = (value.numpy() for value in reader(pixels[None].astype(np.float32), training=False))
    kernel, bias = (weight.numpy() for weight in model.get_layer("head.logits").weights)
    for class_id in (0, 7):
        seen = look(pixels, class_id)
        np.testing.assert_allclose(seen.maps[end], map, rtol=1e-4, atol=1e-5)
        cam = map @ kernel[:, class_id] / map[..., 0].size
        np.testing.assert_allclose(cam.sum(), logits[class_id] - bias[class_id], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(seen.grad_cam(end), np.maximum(cam, 0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(seen.probabilities, np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)


@pytest.mark.parametrize(
    "block",
    [
        {"kind": "basic", "attention": {"kind": "squeeze_excite", "reduction": 4}},
        {"kind": "bottleneck", "expansion": 1, "shortcut": "projection_all"},
        {"kind": "basic", "shortcut": "none"},
        {"kind": "basic", "order": "full_preactivation", "shortcut": "identity_pad"},
        {"kind": "bottleneck", "expansion": 2, "order": "relu_only_preactivation"},
    ],
    ids=lambda block: "-".join(map(str, block.values())),
)
def test_in_an_earlier_stage_its_weights_are_slopes(block: dict[str, Any]) -> None:
    """α_k is the mean slope of the logit along A_k: of adding a number to the channel, over the number of cells."""
    plan = plan_of(block=block, activation="softplus")  # smooth, so that differences are slopes
    model = randomize(build_model(plan))
    seen, end = ActivationReader(model, plan)(images(1)[0][0], 3), stage_ends(plan)[1]
    channels, step = end.shape[-1], 1e-2
    steps = np.concatenate([np.eye(channels), -np.eye(channels)]).astype(np.float32) * step
    moved = seen.maps[end.name][None] + steps[:, None, None]
    given = {"input": tf.zeros((len(moved), 28, 28, 1)), end.name: tf.constant(moved)}
    outputs = replay(model, plan.records, given, training=lambda record: False).outputs
    logits = outputs[plan.outputs["logits"]].numpy().astype(np.float64)
    weights = (logits[:channels, 3] - logits[channels:, 3]) / (2 * step) / moved[0, ..., 0].size
    expected = np.maximum(seen.maps[end.name] @ weights, 0)
    found = seen.grad_cam(end.name)
    np.testing.assert_allclose(found, expected, atol=5e-3 * max(np.abs(seen.maps[end.name] @ weights).max(), 1e-6))


def planted(corner: tuple[int, int]) -> tuple[keras.Model, Any]:
    """A network whose answer depends on one corner of bright images.

    Its first filter is positive only where three of its four pixels lie outside, in one corner; blocks add nothing.
    """
    plan = plan_of(
        input={"shape": [8, 8, 1]},
        norm={"kind": "none"},
        stem={"kind": "conv", "width": 2, "kernel": 3, "stride": 1},
        stages=[{"blocks": 1, "width": 2}, {"blocks": 2, "width": 2}],
        head={"classes": 2},
    )
    model = build_model(plan)
    for weight in model.weights:
        weight.assign(tf.zeros_like(weight))
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[0:2, 0:2, 0, 0] = -1  # the pixel, and those above and to the left of it
    kernel = kernel[:: -1 if corner[0] else 1, :: -1 if corner[1] else 1]
    kernel[1, 1, 0, 1] = 1  # the second channel shows the image, and the head does not read it
    model.get_layer("stem.conv").kernel.assign(kernel)
    model.get_layer("stem.conv").bias.assign([1.5, 0])
    model.get_layer("head.logits").kernel.assign([[100, -100], [0, 0]])
    return model, plan


@pytest.mark.parametrize("corner", [(0, 0), (0, 7), (7, 0), (7, 7)])
def test_a_network_that_looks_at_one_corner_lights_up_there(corner: tuple[int, int]) -> None:
    model, plan = planted(corner)
    pixels = np.random.default_rng(0).integers(210, 256, (8, 8, 1), np.uint8)
    elsewhere, there = (465 - pixels.astype(int)).astype(np.uint8), pixels.copy()  # from 210 to 255 both
    elsewhere[corner] = pixels[corner]
    there[corner] = 210 if pixels[corner] > 230 else 255
    ask = lambda image: model(image[None].astype(np.float32)).numpy()  # noqa: E731 - said three times
    np.testing.assert_array_equal(ask(elsewhere), ask(pixels))
    assert np.abs(ask(there) - ask(pixels)).max() > 0.05
    look = ActivationReader(model, plan)
    for stage, end in stage_ends(plan).items():
        cam = GradCam(0, "corner", 1.0, stage, end.name, look(pixels, 0).grad_cam(end.name))
        assert cam.peak == corner
        assert np.count_nonzero(cam.map) == 1
        against = GradCam(1, "none", 0.0, stage, end.name, look(pixels, 1).grad_cam(end.name))
        assert against.peak is None
        assert against.as_dict((8, 8))["maximum_at"] is None


def test_features_are_the_strongest_channels(tmp_path: Path) -> None:
    origin, (path,) = saved(tmp_path), pictures(tmp_path, "a.png")
    (image,) = explain(origin, [path], channels=3).images
    model = keras.models.load_model(origin.model, compile=False)
    map = keras.Model(model.input, model.get_layer("stage1.block1.activation").output)(image.pixels[None]).numpy()[0]
    (features,) = image.features
    strengths = np.abs(map).mean((0, 1))
    assert list(features.channels) == sorted(range(8), key=lambda channel: -strengths[channel])[:3]
    np.testing.assert_allclose(features.strengths, sorted(strengths)[:-4:-1], rtol=1e-5)
    np.testing.assert_allclose(features.maps, map[..., list(features.channels)], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_filters_are_the_kernels_with_red_first(order: str) -> None:
    pixels = {"channel_order": order}
    spec = Spec.model_validate(document(input={"shape": [28, 28, 3], "pixels": pixels}))
    model, plan = build_model(make_plan(spec)), make_plan(spec)
    kernel = model.get_layer("stem.conv").kernel.numpy()
    filters = first_filters(model, plan, spec.input)
    assert filters.kernels.shape == (8, 3, 3, 3)
    np.testing.assert_array_equal(filters.kernels[5, ..., 0], kernel[..., 0 if order == "rgb" else 2, 5])


# --- as a user meets it -----------------------------------------------------------------------------------------------


def saved(folder: Path, spec: Spec | None = None) -> Any:
    """A `.keras` file with its spec and the names of its classes beside it, opened."""
    folder.mkdir(exist_ok=True)
    spec = spec or spec_of()
    network(spec).save(folder / "tiny.keras")
    (folder / "tiny.yaml").write_text(dump(spec.document()))
    (folder / "names.txt").write_text("\n".join(CLASS_NAMES) + "\n")
    return open_trained_model(folder / "tiny.keras", classes=folder / "names.txt")


def pictures(folder: Path, *names: str) -> list[Path]:
    generator = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / name)
    return [folder / name for name in names]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file, a run with the same model, and pictures."""
    folder = tmp_path_factory.mktemp("explain")
    saved(folder)
    pictures(folder, "one.png", "other/one.jpg", "ein Bild, groß.webp")
    (folder / "text.png").write_text("no image")
    run = folder / "run"
    run.mkdir()
    (run / "model.keras").write_bytes((folder / "tiny.keras").read_bytes())
    (run / "spec.yaml").write_text((folder / "tiny.yaml").read_text())
    (run / "recipe.yaml").write_text(dump(load_recipe("quickstart").value.document()))
    (run / "data.json").write_text(json.dumps({"class_names": CLASS_NAMES}))
    return folder


def command(*arguments: object, status: int = 0) -> tuple[str, str]:
    """What the command prints on stdout and stderr, run in this process."""
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(["explain", *map(str, arguments)])
    assert (ended.value.code or 0) == status, told.getvalue()
    return out.getvalue(), told.getvalue()


@pytest.mark.parametrize("trained", ["run", "tiny.keras"])
def test_figures_and_numbers_of_several_images(trained: str, home: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(home)
    given = [trained, "one.png", "other/one.jpg", "ein Bild, groß.webp", "-o", tmp_path / "seen"]
    names = ["--classes", "names.txt"] * (trained != "run")
    out, told = command(*given, *names, "--class", "bag", "--class", 0, "--stage", 1, "--json")
    result = json.loads(out)
    assert not told
    first, second, third = result["images"]
    assert [image["image"] for image in result["images"]] == ["one.png", "other/one.jpg", "ein Bild, groß.webp"]
    assert [(cam["label"], cam["class_id"]) for cam in first["grad_cam"]] == [("bag", 1), ("ankle boot", 0)]
    assert first["grad_cam"][0]["map"] == "stage1.block1.activation"
    assert first["grad_cam"][0]["map_size"] == [12, 10]
    assert first["label"] == CLASS_NAMES[first["class_id"]]
    assert first != second != third
    assert result["filters"] == {"layer": "stem.conv", "count": 8, "kernel": [3, 3, 3]}
    named = [
        "filters",
        *(f"{n}_{kind}" for n in ("1_one", "2_one", "3_ein_Bild_gro_") for kind in ("features", "grad_cam")),
    ]
    files = {path.name: path for path in (tmp_path / "seen").iterdir()}
    assert files.keys() == {"explain.json", *(f"{name}.{kind}" for name in named for kind in ("png", "svg"))}
    assert sorted(files) == sorted(result["files"])
    told_again = json.loads(files["explain.json"].read_text())
    assert told_again == {key: value for key, value in result.items() if key not in ("output", "files")}
    for name in named:
        with Image.open(files[f"{name}.png"]) as picture:
            assert picture.width <= 600  # no wider than a telephone can show
            assert picture.convert("L").getextrema()[0] < 100
        assert files[f"{name}.svg"].read_text().endswith("</svg>\n")
    assert "[output_exists]" in command(*given, *names, status=2)[1]


def test_a_table_and_the_likeliest_class_by_default(home: Path, tmp_path: Path) -> None:
    out, _ = command(home / "run", home / "one.png", "-o", tmp_path / "seen")
    (row,) = [line for line in out.splitlines() if "stage1.block1.activation" in line]
    told = json.loads((tmp_path / "seen" / "explain.json").read_text())["images"][0]
    assert told["grad_cam"][0]["class_id"] == told["class_id"]
    assert told["label"] in row
    assert f"{told['probability']:.4f}" in row
    assert "12×10" in row


def test_the_same_numbers_give_the_same_files(home: Path, tmp_path: Path) -> None:
    found = explain(open_trained_model(home / "run"), [home / "one.png"], channels=5)
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written.append([path.read_bytes() for path in draw_explanation(found.filters, found.images, tmp_path / name)])
    assert written[0] == written[1]


def test_grey_images_and_independent_labels(tmp_path: Path) -> None:
    grey = spec_of(input={"shape": [12, 10, 1]}, head={"classes": 3, "multi_label": True})
    origin = saved(tmp_path / "grey", grey)
    found = explain(origin, pictures(tmp_path, "a.png"), classes=["Übergröße"], channels=4)
    (image,) = found.images
    assert image.pixels.shape == (12, 10, 1)
    logits = keras.models.load_model(origin.model, compile=False)(image.pixels[None].astype(np.float32)).numpy()[0]
    assert image.cams[0].probability == pytest.approx(1 / (1 + np.exp(-logits[2])), rel=1e-4)
    assert len(draw_explanation(found.filters, found.images, tmp_path)) == 6


def test_arrays_are_explained_as_files_are(home: Path, tmp_path: Path) -> None:
    with Image.open(home / "one.png") as picture:
        found = kresnet.explain(home / "run", picture, looked_for=["bag"], channels=1)
    (image,), (same,) = found.images, kresnet.explain(home / "run", home / "one.png", looked_for=["1"]).images
    np.testing.assert_array_equal(image.cams[0].map, same.cams[0].map)
    assert (image.as_dict()["image"], same.as_dict()["image"]) == (0, str(home / "one.png"))
    assert {"1_image_grad_cam.png", "explain.json"} <= set(found.save(tmp_path / "seen"))
    with pytest.raises(KresnetError, match="bad_option"):
        kresnet.explain(home / "run", [])


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run", "one.png", "--stage", "2"], "bad_option", "from 1 to 1"),
        (["run", "one.png", "--stage", "0"], "bad_option", "from 1 to 1"),
        (["run", "one.png", "--class", "Bagg"], "bad_option", "did you mean: bag"),
        (["run", "one.png", "--class", "UBERGROSSE"], "bad_option", "Übergröße"),
        (["run", "one.png", "--class", "3"], "bad_option", "from 0 to 2"),
        (["run", "one.png", "--channels", "0"], "bad_option", "--channels"),
        (["run"], "data_mismatch", "input.shape.2"),  # its own test images are not what it was built for
        (["run", "text.png", "absent.png"], "image_unreadable", "absent.png"),
        (["other", "one.png"], "run_missing", "other"),
        (["run", "one.png", "--spec", "resnet18"], "bad_option", "--spec"),
        (["tiny.keras", "one.png", "--spec", "quickstart"], "weights_mismatch", "quickstart"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], code: str, told: str, home: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(home)
    before = sorted(home.iterdir())
    _, words = command(*arguments, status=2)
    assert f"[{code}]" in words
    assert told in words
    assert sorted(home.iterdir()) == before


def test_a_network_of_vectors_is_refused(tmp_path: Path) -> None:
    spec = {"input": {"shape": [6]}, "stem": {"kind": "none"}, "norm": {"kind": "none"}, "block": {"kind": "dense"}}
    vectors = spec_of(**spec, stages=[{"blocks": 1, "width": 6}], head={"pool": "none", "classes": 3})
    saved(tmp_path, vectors)
    (picture,) = pictures(tmp_path, "a.png")
    assert "[contradiction]" in command(tmp_path / "tiny.keras", picture, "-o", tmp_path / "seen", status=2)[1]
    assert not (tmp_path / "seen").exists()
