"""Networks on disk by whatever names them: a run, a file in it, what `build` wrote, a file beside its spec."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

import kresnet
from kresnet.errors import KresnetError
from kresnet.runs.trained_model import open_trained_model

SPEC = {
    "name": "tiny",
    "input": {"shape": [28, 28, 1]},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 2},
    "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 4}],
    "head": {"classes": 10},
}
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "b"
    kresnet.load(SPEC).save(folder)
    return folder


def test_what_build_wrote_is_loaded_and_asked_by_directory_and_file(built, capsys):
    by_folder, by_file = (
        kresnet.load_model(path)(IMAGES.astype(np.float32)) for path in (built, built / "model.keras")
    )
    np.testing.assert_array_equal(by_folder, by_file)
    (first, _) = kresnet.predict(built / "model.keras", IMAGES)
    assert "never trained" in capsys.readouterr().err
    assert first["label"] == str(first["class_id"])
    assert open_trained_model(built).provenance["trained"] is False
    with pytest.raises(KresnetError) as error:
        kresnet.evaluate(built)
    assert "belongs to no run" in str(error.value)
    assert "--recipe" in str(error.value)
    with pytest.raises(KresnetError):
        kresnet.load_model(built, best=True)
    with pytest.raises(KresnetError) as error:
        kresnet.load_model(built / "model.keras", best=True)
    assert "--best" in str(error.value)


def test_a_file_without_a_run_is_measured_on_the_data_of_a_recipe(built):
    result = kresnet.evaluate(built, recipe="quickstart")
    assert result["images"] > 0
    assert len(result["classes"]) == 10


def test_files_of_a_run_know_their_run(built, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(built, run)
    (run / "recipe.yaml").write_text(kresnet.recipe("quickstart").yaml())
    names = [f"class {number}" for number in range(10)]
    (run / "data.json").write_text(__import__("json").dumps({"class_names": names}))
    with pytest.raises(KresnetError) as error:
        open_trained_model(run, best=True)
    assert "keeps no best network" in str(error.value)
    shutil.copy(run / "model.keras", run / "best.keras")
    for path, best in ((run / "best.keras", False), (run, True)):
        origin = open_trained_model(path, best=best)
        assert origin.model == run / "best.keras"
        assert origin.class_names == tuple(names)
        assert origin.run


@pytest.mark.parametrize(
    "imports", ["import kresnet, keras", pytest.param("import keras, kresnet", marks=pytest.mark.slow)]
)
def test_keras_loads_the_file_after_either_order_of_imports(imports, built):
    code = f"{imports}; print(keras.models.load_model({str(built / 'model.keras')!r}).name)"
    if imports.startswith("import kresnet"):
        code = "import sys, kresnet; assert not {'keras', 'tensorflow'} & set(sys.modules)\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "tiny\n", done.stderr
