"""The contenders, one module each, and the data that all of them read alike."""

from __future__ import annotations

import numpy as np

from benchmarks.jobs import NETWORKS, Job

#: Batches in the host's memory, taken in turn.
RING = 4

#: Of every contender's SGD with momentum, without weight decay.
LEARNING_RATE, MOMENTUM = 0.01, 0.9

#: Colours are brought to zero mean and unit deviation inside every network; the numbers do not matter here.
PIXEL_MEAN, PIXEL_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def ring(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Random images uint8 `(RING, N, H, W, C)` and labels int32 `(RING, N)`."""
    network = NETWORKS[job.network]
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (RING, job.batch, *network.shape), dtype=np.uint8)
    return images, random.integers(0, network.classes, (RING, job.batch), dtype=np.int32)
