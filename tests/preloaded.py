"""What the process that `tests.command` forks from has imported: all that takes long.

Nothing here may start a thread, or have TensorFlow look for devices: neither outlives a fork.
"""

import gc

from kresnet.runtime import stderr_held

with stderr_held():
    import keras
    import tensorboard.plugins.scalar.summary_v2  # which writes summaries, with whatever that finds installed
    import tensorflow

import kresnet.cli.all_verbs
import kresnet.evaluation.evaluate
import kresnet.training.fit
from kresnet.data.embedded import read_embedded

read_embedded()  # which it keeps
gc.freeze()  # no collection in a child need look at it again
gc.set_threshold(20_000, 20, 20)  # as in tests/conftest.py

__all__ = ["gc", "keras", "kresnet", "tensorboard", "tensorflow"]
