"""TensorFlow's messages without TensorFlow, which can still be imported afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tensorflow as tf

from kresnet.export.protos import TensorProto, tensorflow_directory


def test_the_messages_are_tensorflows_own() -> None:
    assert tensorflow_directory() == Path(tf.__file__).parent
    message = tf.make_tensor_proto([1.5])
    assert type(message).DESCRIPTOR is TensorProto.DESCRIPTOR
    assert TensorProto.FromString(message.SerializeToString()) == message


def test_no_module_of_tensorflow_stays_in_its_place() -> None:
    program = "import sys, kresnet.export.protos, kresnet.serving.protos; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
