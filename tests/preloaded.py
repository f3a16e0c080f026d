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

gc.freeze()  # no collection in a child need look at it again

__all__ = ["gc", "keras", "kresnet", "tensorboard", "tensorflow"]
