"""The state of a Python process around the training of a run: random numbers, warnings, exceptions."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Iterator

from kresnet.errors import KresnetError
from kresnet.runs.resolved_run import ResolvedRun


@contextlib.contextmanager
def training_scope(run: ResolvedRun | None = None) -> Iterator[None]:
    """Return a context to train in: it restores the process's random state, and raises what callers in Python expect.

    TensorFlow's and Keras's own global seeds cannot be put back; they stay those of the run.

    Args:
        run: whose documents say where a setting stands that a problem names; None where this process has not read them.

    Raises:
        KresnetError: what training raises, located in the documents.
        KeyboardInterrupt: in place of the problem `interrupted`.
    """
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework.config import disable_op_determinism, is_op_determinism_enabled

    python_state, numpy_state, deterministic = random.getstate(), np.random.get_state(), is_op_determinism_enabled()
    rounding = tf.config.experimental.tensor_float_32_execution_enabled()
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_no_retracing_warning)
    try:
        yield
    except KresnetError as error:
        located = run.locate(error) if run else error
        if error.problems[0].code == "interrupted":
            raise KeyboardInterrupt(str(located)) from located
        raise located from None
    finally:
        logger.removeFilter(_is_no_retracing_warning)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        tf.config.experimental.enable_tensor_float_32_execution(rounding)
        if not deterministic:
            disable_op_determinism()


def _is_no_retracing_warning(record: logging.LogRecord) -> bool:
    """Return False for TensorFlow's warning of retracing: each run of a process is compiled anew, on purpose."""
    return "triggered tf.function retracing" not in record.getMessage()


__all__ = ["training_scope"]
