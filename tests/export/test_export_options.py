"""What may be chosen about an export is the same from Python, and is known without TensorFlow."""

from __future__ import annotations

import inspect
import subprocess
import sys

import kresnet
from kresnet.export.export_options import ExportOptions


def test_defaults_are_those_of_the_python_interface():
    parameters = inspect.signature(kresnet.export_model).parameters
    for name in ("signatures", "fold", "weights", "base_path"):
        assert getattr(ExportOptions(), name) == parameters[name].default
    assert ExportOptions().version is None
    assert parameters["version"].default == "next"


def test_options_are_known_without_tensorflow():
    script = "import sys, kresnet.export.export_options; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
