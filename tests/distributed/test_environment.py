"""The environment that a run records, against what the installed packages and the system say of themselves."""

import json
import platform

import keras
import numpy as np
import tensorflow as tf

import kresnet
from kresnet.distributed.environment import environment, package_versions
from kresnet.spec.architecture import Spec
from kresnet.spec.norms import Norm
from tests.installed import install, on_path
from tests.plan.networks import SMALL

TOY = """
from typing import Literal
from kresnet.extensions import Norm, register_norm

class Toy(Norm):
    kind: Literal["toy"]

register_norm(Toy, None)
"""


def test_versions_are_those_that_the_packages_state():
    stated = {"kresnet": kresnet.__version__, "tensorflow": tf.__version__, "keras": keras.__version__}
    assert package_versions().items() >= (stated | {"numpy": np.__version__}).items()


def test_what_training_was_resolved_to_is_recorded_and_all_is_json():
    described = environment(replicas=2, precision="bfloat16", xla=True)
    assert json.loads(json.dumps(described)) == described
    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    assert described["training"] == {"device": device, "replicas": 2, "precision": "bfloat16"}
    assert described["kernels"]["xla"] == "on"
    assert environment(1, "float32", xla=False)["kernels"]["xla"] == "off"
    assert described["python"] == platform.python_version()


def test_processors_of_one_name_are_told_apart_by_their_units_where_they_compute(monkeypatch):
    for gpus, units in (([], "avx avx2"), (["GPU:0"], "")):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind, gpus=gpus: gpus)
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {})
        monkeypatch.setattr("kresnet.distributed.environment.cpu_units", lambda: ["avx", "avx2"])
        assert environment(1, "float32", xla=False)["kernels"]["processor_units"] == units


def test_switches_of_tensorflows_kernels_are_recorded(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert environment(1, "float32", xla=False)["kernels"]["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_the_packages_that_gave_kinds_count_among_the_versions(tmp_path):
    install(tmp_path, "toy-norms", {"kresnet.norms": {"toy": "toy_norms"}}, toy_norms=TOY)
    with on_path(tmp_path):
        spec = Spec.model_validate(SMALL | {"norm": {"kind": "toy"}})
        described = environment(1, "float32", False, (spec,))
        Norm.kinds.forget("toy")
    package = {"module": "toy_norms", "distribution": "toy-norms", "version": "1.0"}
    assert described["extensions"] == [{"of": "norm", "kind": "toy", **package}]
    assert described["versions"]["toy-norms"] == "1.0"
    assert "extensions" not in environment(1, "float32", False, (Spec.model_validate(SMALL),))
