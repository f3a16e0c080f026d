"""What the process that `tests.command` forks from has imported: all that takes long."""

from kresnet.runtime import stderr_held

with stderr_held():
    import keras
    import tensorflow

import kresnet.cli.main

__all__ = ["keras", "kresnet", "tensorflow"]
