"""The factors that timm gives the learning rates of a network's weights, for `layer_decay` 0.75.

In an environment with timm (`tests/weights/reference/make.py` says which), from the repository's root:

    python -m tests.weights.reference.timm_layer_decay

It writes `layer_decay.json` beside this file: for each network, the factor of each weight by its name.
"""

from __future__ import annotations

import json
from pathlib import Path

import timm
import torch
from timm.optim import param_groups_layer_decay

NETWORKS = ("convnext_atto", "resnet18d", "regnety_002", "resnetv2_50")
DECAY = 0.75


def factors(name: str) -> dict[str, float]:
    """The factor of each weight."""
    with torch.device("meta"):
        network = timm.create_model(name)
    groups = param_groups_layer_decay(network, layer_decay=DECAY)
    by_weight = {id(weight): group["lr_scale"] for group in groups for weight in group["params"]}
    return {name: by_weight[id(weight)] for name, weight in network.named_parameters()}


def main() -> None:
    """Write the file, a line a network."""
    lines = ",\n".join(f'  "{name}": {json.dumps(factors(name))}' for name in NETWORKS)
    Path(__file__).with_name("layer_decay.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
