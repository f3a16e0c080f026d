"""What PyTorch computes of timm's smallest network of split attention, with weights by rule.

In an environment with timm (`tests/weights/reference/make.py` says which), from the repository's root:

    python -m tests.weights.reference.split_attention

It writes `split_attention.npz` beside this file: the logits of two images, a digest of the tensors' names and sizes,
and the number of parameters. No weights are stored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import timm

from tests.weights.reference.timm_cases import SIDE
from tests.weights.reference.timm_logits import computed


def main() -> None:
    """Write the file."""
    logits, found = computed("resnest14d", {}, SIDE)
    parameters = sum(each.numel() for each in timm.create_model("resnest14d").parameters())
    file = Path(__file__).with_name("split_attention.npz")
    np.savez_compressed(file, logits=logits, digest=np.array(found), parameters=np.array(parameters))
    print(logits[:, :3], parameters)


if __name__ == "__main__":
    main()
