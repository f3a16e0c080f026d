"""TensorFlow's and TF Serving's protocol buffers without TensorFlow.

The `*_pb2` modules need only the protobuf library, but `import tensorflow.core...` would first run the
`tensorflow` package and with it the whole runtime. An empty module stands in while they are imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from kresnet.errors import make_error


def tensorflow_directory() -> Path:
    """Return the folder of the installed `tensorflow` package, without importing it.

    Raises:
        KresnetError: `environment`, where TensorFlow is not installed.
    """
    specification = importlib.util.find_spec("tensorflow")
    if specification is None or specification.origin is None:
        raise make_error("environment", "TensorFlow is not installed.", remedy="pip install kresnet")
    return Path(specification.origin).parent


@contextmanager
def stand_in_for_tensorflow() -> Iterator[None]:
    """Put an empty module in the place of `tensorflow` for a while; the real one can be imported afterwards."""
    if "tensorflow" in sys.modules:
        yield
        return
    module = ModuleType("tensorflow")
    module.__path__ = [str(tensorflow_directory())]
    sys.modules["tensorflow"] = module
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


with stand_in_for_tensorflow():
    from tensorflow.core.example.example_pb2 import Example
    from tensorflow.core.framework.op_def_pb2 import OpList
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow.core.framework.types_pb2 import DataType
    from tensorflow.core.protobuf.config_pb2 import RunMetadata, RunOptions
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

__all__ = [
    "DataType", "Example", "MetaGraphDef", "OpList", "PredictionLog", "RunMetadata", "RunOptions", "SavedModel",
    "SignatureDef", "TensorProto", "tensorflow_directory",
]  # fmt: skip
