"""The process of a proof never imports TensorFlow's Python, and can import it afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_proving_process_never_imports_tensorflow(copied: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from kresnet.export import proof_process\n"
        f"proof_process.main(Path({str(copied)!r}))\n"
        "assert not [name for name in sys.modules if name == 'tensorflow' or name.startswith('tensorflow.python')]\n"
        "import numpy.random"  # whose symbols must not meet TensorFlow's
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_a_process_that_proved_can_import_tensorflow_afterwards() -> None:
    program = (
        "import kresnet.export.proof, sys; assert 'tensorflow' not in sys.modules\n"
        "import tensorflow as tf; assert tf.add(1, 2) == 3"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
