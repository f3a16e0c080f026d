"""`kresnet export --format`: files that are proved, and what is said of them."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from scipy.special import softmax

from kresnet.cli.main import main
from kresnet.errors import KresnetError
from kresnet.export.edge.export_rows import ExportRows, FileRows
from kresnet.export.edge.file_export import export_file
from kresnet.export.edge.file_formats import FileOptions
from kresnet.export.edge.tflite_metadata import read_own_metadata
from kresnet.graph import build_model
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import write_model
from tests.export.edge.small_files import SmallNetwork
from tests.export.networks import CLASS_NAMES, network, save_converted, spec_of
from tests.graph.random_weights import randomize

INT8 = ["--format", "tflite", "--weights", "int8"]


def export(*arguments: object, status: int = 0) -> Any:
    """What the command prints, run in this process, which has imported TensorFlow already; what it says if it fails."""
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(["export", *map(str, arguments), "--json"])
    assert (ended.value.code or 0) == status, told.getvalue()
    return told.getvalue() if status else json.loads(out.getvalue())


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, small: SmallNetwork) -> Path:
    """A `.keras` file and its spec beside it, as `kresnet convert` leaves them."""
    path = save_converted(tmp_path_factory.mktemp("converted"))
    small.model.save(path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, small: SmallNetwork) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for index, each in enumerate(small.rows[:16]):
        Image.fromarray(each).save(folder / f"{index:02}.png")
    return folder


@pytest.mark.parametrize("kind", ["tflite", "onnx", "openvino"])
def test_other_runtimes_answer_as_the_network_does(kind: str, converted: Path, tmp_path: Path) -> None:
    if kind != "tflite":
        pytest.importorskip("tf2onnx", reason="pip install 'kresnet[onnx]'")
    path = tmp_path / ("tiny.xml" if kind == "openvino" else f"tiny.{kind}")
    result = export(converted, "-o", path, "--format", kind)
    assert result["largest_difference"] < 1e-5
    assert result["proof"]["tensorflow_imported"] is False
    about = json.loads((tmp_path / f"{path.name}.json").read_text())
    outputs = {each["name"]: (each["dtype"], each["shape"]) for each in about["outputs"]}
    assert set(outputs) == {"logits", "probabilities"}
    assert outputs["logits"] == outputs["probabilities"] == ("float32", [None, len(about["class_names"])])
    assert about["input"] == {"name": "image", "dtype": "float32", "shape": [None, 12, 10, 3]}
    assert about["verified"]["rows"] == "Fashion-MNIST images"
    assert about["changes"][0]["what"].startswith("folded 3 batch norms")
    assert "[output_exists]" in export(converted, "-o", path, "--format", kind, status=2)


#: A block a stage or two, of the shipped networks of each family.
FAMILIES = {
    "BiT": ("resnetv2_50x1_bit", ["stages=[{blocks: 1, width: 32}, {blocks: 1, width: 32, stride: 2}]"]),
    "RegNetY": ("regnety_002", ["widths.regnet.depth=3"]),
    "RegNetZ": ("regnetz_005", ["widths.regnet.depth=3", "neck.width=32"]),
    "MobileNetV2": (
        "mobilenet_v2_035",
        ["stem.width=8", "stages=[{blocks: 1, width: 8, block: {expansion: 1}}, {blocks: 2, width: 8, stride: 2}]"],
    ),
    "MobileNetV3": (
        "mobilenet_v3_small",
        [
            "stages=[{blocks: 1, width: 8, block: {expansion: 1}}, {blocks: 2, width: 8, stride: 2}]",
            "block.kernel=5",
            "neck.width=16",
            "head.hidden=16",
            "block.attention.least_share=0",
        ],
    ),
    "EfficientNetV2": (
        "efficientnet_v2_b0",
        [
            "stem.width=8",
            "stages=[{blocks: 1, width: 8, block: {kind: fused_inverted, expansion: 1, order: relu_before_add}}, "
            "{blocks: 1, width: 16, stride: 2, block: {kind: fused_inverted, expansion: 4}}, "
            "{blocks: 2, width: 16, stride: 2}]",
            "neck.width=16",
        ],
    ),
    "ConvNeXt": (
        "convnext_atto",
        ["stem.width=8", "stages=[{blocks: 1, width: 8}, {blocks: 1, width: 16, stride: 2}]"],
    ),
    "ConvNeXt V2": (
        "convnextv2_atto",
        ["stem.width=8", "stages=[{blocks: 1, width: 8}, {blocks: 1, width: 16, stride: 2}]"],
    ),
}


#: What `make test` writes: networks that have between them most layers, in one of the formats; `make test-slow` all.
QUICK = {("BiT", "tflite"), ("MobileNetV3", "tflite"), ("ConvNeXt V2", "onnx")}


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        pytest.param(family, kind, marks=[] if (family, kind) in QUICK else pytest.mark.slow)
        for kind in ("tflite", "onnx")
        for family in FAMILIES
        if (family, kind) != ("BiT", "onnx")
    ],
)
def test_networks_of_every_family_answer_in_other_runtimes(family: str, kind: str, tmp_path: Path) -> None:
    if kind == "onnx":
        pytest.importorskip("tf2onnx", reason="pip install 'kresnet[onnx]'")
    name, changes = FAMILIES[family]
    small = ["input.shape=[32,32,3]", "input.resize={kind: stretch}", "head.classes=4"]
    loaded = load_spec(name, [*small, *changes])
    plan = plan_loaded(loaded)
    (tmp_path / "net.yaml").write_text(loaded.value.yaml())
    write_model(randomize(build_model(plan)), plan, tmp_path / "net.keras")
    result = export(tmp_path / "net.keras", "-o", tmp_path / f"net.{kind}", "--format", kind)
    assert result["largest_difference"] < 1e-4


def test_half_the_bytes_in_tensorflow_lite(converted: Path, tmp_path: Path) -> None:
    result = export(converted, "-o", tmp_path / "half.tflite", "--format", "tflite", "--weights", "float16")
    assert 1e-5 < result["largest_difference"] < 1e-2


def test_calibrated_probabilities_are_in_the_file(tmp_path: Path, small: SmallNetwork) -> None:
    path, rows = tmp_path / "tiny.tflite", FileRows(ExportRows(small.rows, "test rows"))
    export_file(network(), spec_of(), CLASS_NAMES, path, FileOptions("tflite"), rows, temperatures=(0.5,))
    assert json.loads((tmp_path / "tiny.tflite.json").read_text())["temperatures"] == [0.5]
    answer = Interpreter(str(path)).get_signature_runner("serving_default")
    found = answer(image=small.rows[:2].astype(np.float32))
    np.testing.assert_allclose(found["probabilities"], softmax(found["logits"] / 0.5, axis=1), atol=1e-5)


def test_integers_from_pixels_to_probabilities(
    converted: Path, pictures: Path, small: SmallNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.tflite"
    names = converted.with_name("names.txt")
    given = ("--format", "tflite", "--weights", "int8", "--images", pictures, "--calibrate", 10, "--classes", names)
    result = export(converted, "-o", path, *given, "--compare")
    assert set(result["proof"]["operations"]) == {"integer"}
    about = json.loads((tmp_path / "tiny.tflite.json").read_text())
    assert (about["input"]["dtype"], about["outputs"][0]["dtype"]) == ("uint8", "uint8")
    assert about["quantization"]["calibration"]["images"] == 10
    assert {each["layer"] for each in about["quantization"]["layers"]} >= {"stem.conv", "stage1.block1.conv2"}
    file = Interpreter(str(path)).get_signature_runner()
    found = file(image=small.rows[:16])["probabilities"] / 256
    assert np.abs(found - small.probabilities[:16]).max() < 0.1
    own = read_own_metadata(path.read_bytes())
    assert (own["class_names"], own["spec"]["input"]["pixels"]["mean"]) == (list(CLASS_NAMES), [0.5])


def test_a_loss_is_refused_or_mended_by_layers_in_float(
    small: SmallNetwork, labelled: ExportRows, tmp_path: Path
) -> None:
    """The ranges of dark pictures are far too small for these."""
    rows, path = FileRows(labelled, ExportRows(small.rows // 3, "dark pictures", drawn={})), tmp_path / "tiny.tflite"
    with pytest.raises(KresnetError, match="points lost, more than 1") as caught:
        export_file(small.model, small.spec, CLASS_NAMES, path, FileOptions("tflite", "int8"), rows)
    assert caught.value.problems[0].remedy == "--lose-at-most 1% keeps in float what loses most"
    assert not list(tmp_path.iterdir())
    options = FileOptions("tflite", "int8", keep_float=("stem",), lose_at_most=0.1)
    found = export_file(small.model, small.spec, CLASS_NAMES, path, options, FileRows(labelled, labelled))
    assert found.quantization["kept_float"][0] == "stem"
    assert found.quantization["trials"][-1]["accuracy"] >= 0.9
    assert "float" in found.proof.figures["operations"]
    assert found.proof.loss is not None
    assert found.proof.loss <= 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (INT8, "belongs to no run"),
        (["--weights", "int8"], "--format tflite --weights int8"),
        (["--compare"], "--compare is for files of integers"),
        ([*INT8, "--images", "PICTURES", "--keep-float", "stage1.block1.conv3"], "did you mean: stage1.block1.conv"),
        ([*INT8, "--images", "PICTURES", "--lose-at-most", "1%"], "classes are known"),
    ],
)
def test_wrong_use_is_told_and_leaves_nothing(
    arguments: list[str], said: str, converted: Path, pictures: Path, tmp_path: Path
) -> None:
    given = [pictures if each == "PICTURES" else each for each in arguments]
    assert said in export(converted, "-o", tmp_path / "file", *given, status=2)
    assert not list(tmp_path.iterdir())


def test_images_of_any_size_have_no_file_of_integers(small: SmallNetwork, tmp_path: Path) -> None:
    spec = small.spec.model_copy(update={"input": small.spec.input.model_copy(update={"any_size": True})})
    rows = FileRows(ExportRows(small.rows, "test rows"), ExportRows(small.rows, "test rows"))
    with pytest.raises(KresnetError, match="takes images of any size; integers are calibrated for one"):
        export_file(network(), spec, CLASS_NAMES, tmp_path / "x.tflite", FileOptions("tflite", "int8"), rows)
