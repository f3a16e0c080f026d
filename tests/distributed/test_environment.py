"""The environment that a run records, against what the installed packages and the system say of themselves."""

import json
import platform

import keras
import numpy as np
import tensorflow as tf

import kresnet
from kresnet.distributed.environment import environment, package_versions


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


def test_switches_of_tensorflows_kernels_are_recorded(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert environment(1, "float32", xla=False)["kernels"]["TF_ENABLE_ONEDNN_OPTS"] == "0"
