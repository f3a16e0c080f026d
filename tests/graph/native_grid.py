"""Train the smallest networks in child processes, to find settings that end a process inside TensorFlow.

`python -m tests.graph.native_grid COUNT [SEED]` (or `make native-grid`) trains COUNT random networks for two steps:
widths of 1 to 16, maps down to one pixel, batches of 1 to 4 images, in parts, on one or two replicas, depthwise,
dilated, with stochastic depth, deep stems, several norms and precisions, with and without XLA. A child names each
network before it trains it, so that the one during which a process ends is known; the rest then goes to another child.
It prints how many were trained and refused, and every exit, and exits with 1 if there was one.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Networks that one child trains, and how long it may take for each, in seconds.
SHARE, SECONDS = 25, 120
GROUP_NORM = {"kind": "group", "groups": 1}
Network = dict[str, Any]


@dataclass
class GridResult:
    """How the networks of a grid ended.

    Attributes:
        outcomes: number of networks by outcome: `trained`, or `refused` with an error code.
        exits: each network during which a process ended, and how.
        errors: each network that raised something other than an error of kresnet, and what.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    exits: list[tuple[Network, str]] = field(default_factory=list)
    errors: list[tuple[Network, str]] = field(default_factory=list)


def network(**changes: Any) -> Network:
    """The network that crashed TensorFlow 2.21 on processors with AMX, with some of it changed."""
    return {
        "side": 8, "width": 8, "stem": {"kind": "conv", "kernel": 3, "stride": 1}, "block": {"kind": "basic"},
        "strides": [1, 2], "output_stride": None, "norm": {"kind": "batch"}, "padding": "same", "stochastic_depth": 0.0,
        "batch": 1, "parts": 1, "replicas": 1, "xla": False, "precision": "float32",
    } | changes  # fmt: skip


#: The corners that the test suite trains.
CORNERS = [
    network(),
    network(batch=2, parts=2, width=1),
    network(batch=2, replicas=2, width=4),
    network(block={"kind": "bottleneck", "groups": 4, "expansion": 1}, width=4, stem={"kind": "none"}),
    network(
        block={"kind": "basic", "downsample": "average_pool"}, output_stride=4, strides=[2, 2, 2], width=2, batch=2
    ),
    network(stem={"kind": "conv", "kernel": 1, "stride": 2}, strides=[2, 2], norm={"kind": "none"}, width=3),
    network(xla=True, stochastic_depth=0.5, width=2),
    network(side=1, strides=[1], norm={"kind": "batch"}),  # one value a channel: refused
]


def random_networks(count: int, seed: int) -> list[Network]:
    """`count` networks over all settings, the same ones for the same seed."""
    pick = random.Random(seed).choice
    networks = []
    for _ in range(count):
        width = pick([1, 2, 3, 4, 8, 16])
        basic = {"kind": "basic", "order": pick(["post_activation", "full_preactivation", "relu_before_add"])}
        bottleneck = basic | {
            "kind": "bottleneck", "groups": pick([1, 1, width]), "expansion": pick([1, 2]),
            "stride_on": pick(["conv1x1", "conv3x3"]),
        }  # fmt: skip
        shared = {
            "shortcut": pick(["projection", "projection_all", "identity_pad", "none"]),
            "downsample": pick(["conv", "average_pool", "subsample"]),
            "attention": pick([None, None, {"kind": "squeeze_excite", "reduction": 1}, {"kind": "efficient_channel"}]),
            "anti_alias": pick([None, None, None, "average", "blur"]),
        }
        pool = pick([None, {"kind": "max"}, {"kind": "conv"}])
        stem = pick([
            {"kind": "none"}, {"kind": "conv", "kernel": pick([1, 3, 7]), "stride": pick([1, 2]), "pool": pool},
            {"kind": "deep", "widths": [width, width], "stride": pick([1, 2])},
        ])  # fmt: skip
        dilated = pick([False, False, True])
        replicas, parts = pick([1, 1, 2]), pick([1, 1, 2])
        networks.append(
            network(
                side=pick([1, 2, 4, 5, 8, 16]), width=width, stem=stem, block=pick([basic, bottleneck]) | shared,
                strides=[2, 2, 2] if dilated else [pick([1, 2]) for _ in range(pick([1, 2, 3]))],
                output_stride=4 if dilated else None, padding=pick(["same", "symmetric"]),
                norm=pick([*[{"kind": "batch"}] * 3, {"kind": "none"}, {"kind": "layer"}, GROUP_NORM]),
                stochastic_depth=pick([0.0, 0.0, 0.5]), batch=replicas * parts * pick([1, 1, 2]), parts=parts,
                replicas=replicas, xla=pick([False, False, False, True]),
                precision=pick(["float32", "float32", "bfloat16", "float16"]),
            )
        )  # fmt: skip
    return networks


def train_in_children(networks: Sequence[Network]) -> GridResult:
    """Train all networks, each child as many as it survives."""
    result, left = GridResult(), list(networks)
    while left:
        share = left[:SHARE]
        lines, ended = _child(share)
        for line in lines:
            if line["outcome"].startswith("error"):
                result.errors.append((share[line["index"]], line["outcome"]))
            result.outcomes[line["outcome"].partition(":")[0]] += 1
        if ended:
            result.exits.append((share[len(lines)], ended))
        left = left[len(lines) + bool(ended) :]
    return result


def _child(share: Sequence[Network]) -> tuple[list[dict[str, Any]], str]:
    """The outcomes of the networks that a child got through, and how it ended before it was through; "" if not."""
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.graph.native_grid", "--child"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip
        try:
            output, _ = process.communicate(json.dumps(list(share)), timeout=SECONDS * len(share))
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        done = [line for line in lines if "outcome" in line]
        if len(done) == len(share) and process.returncode == 0:
            return done, ""
        stderr.seek(0)
        last = (stderr.read().strip().splitlines() or [""])[-1]
        return done[: len(share) - 1] if len(done) == len(share) else done, f"exit {process.returncode}: {last}"


def _train_all(networks: Sequence[Network]) -> None:
    """What a child does: name each network, train it, say how it went."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for index, each in enumerate(networks):
        print(json.dumps({"index": index, "network": each}), flush=True)
        print(json.dumps({"index": index, "outcome": _train(each)}), flush=True)


def _train(each: Network) -> str:
    import keras

    from kresnet.errors import KresnetError

    keras.backend.clear_session()
    try:
        return _two_steps(each)
    except KresnetError as error:
        return "refused " + error.problems[0].code
    except Exception as error:  # to be told with its network, and the others trained
        return f"error: {type(error).__name__}: {str(error)[:300]}"


def _two_steps(each: Network) -> str:
    import numpy as np
    import tensorflow as tf

    from kresnet.errors import KresnetError
    from kresnet.graph import build_model
    from kresnet.plan.lowering import lower
    from kresnet.plan.norm_statistics import norm_problems
    from kresnet.spec.recipe import Recipe
    from kresnet.spec.recipe.optimizers import Sgd
    from kresnet.training.step.engine import Engine
    from kresnet.training.step.loss_scale import make_loss_scale
    from kresnet.training.step.optimizers import make_optimizer
    from kresnet.training.step.trainer import Trainer

    plan = lower(_spec(each))
    recipe = Recipe.model_validate({
        "name": "grid", "data": {"kind": "embedded"}, "epochs": 1, "batch_size": each["batch"],
        "accumulate_steps": each["parts"], "optimizer": {"kind": "sgd", "learning_rate": 0.01},
    })  # fmt: skip
    if problems := list(norm_problems(plan, recipe, replicas=each["replicas"])):
        raise KresnetError(problems)
    strategy = _mirrored() if each["replicas"] > 1 else tf.distribute.get_strategy()
    with strategy.scope():
        model = build_model(plan, precision=each["precision"])
        scale = make_loss_scale(each["precision"])
        trainer = Trainer(model, accumulate_steps=each["parts"], loss_scale=scale, xla=each["xla"])
        trainer.updates = make_optimizer(
            Sgd(kind="sgd", learning_rate=0.01), lambda step: tf.constant(0.01), model.trainable_variables
        )
    engine = Engine(trainer, strategy)
    images = np.random.default_rng(0).integers(0, 256, (2 * each["batch"], *plan.input_shape)).astype("uint8")
    targets = np.arange(2 * each["batch"], dtype="int32") % 3
    data = tf.data.Dataset.from_tensor_slices((images, targets)).batch(each["batch"], drop_remainder=True)
    engine.train(engine.distribute(data), tf.constant(2))
    engine.metrics()
    return "trained"


@cache
def _mirrored() -> Any:
    """The one strategy of a child: the collective operations of another would meet those of the first by number."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def _spec(each: Network) -> Any:
    from kresnet.spec.architecture import Spec

    stem = each["stem"] if each["stem"]["kind"] != "conv" else {"width": each["width"]} | each["stem"]
    document = {
        "name": "smallest",
        "input": {"shape": [each["side"], each["side"], 1], "pixels": {}},
        "convolution": {"padding": each["padding"]},
        "norm": each["norm"],
        "stem": stem,
        "block": each["block"],
        "stages": [{"blocks": 1, "width": each["width"], "stride": stride} for stride in each["strides"]],
        "output_stride": each["output_stride"],
        "stochastic_depth": each["stochastic_depth"],
        "head": {"classes": 3},
    }
    return Spec.model_validate(document)


def _summary(result: GridResult) -> Iterator[str]:
    """Lines that tell a result."""
    yield f"{sum(result.outcomes.values()) + len(result.exits)} networks: " + ", ".join(
        f"{count} {outcome}" for outcome, count in sorted(result.outcomes.items())
    )
    for what, found in (("native exit", result.exits), ("error", result.errors)):
        yield f"{len(found)} {what}{'s' * (len(found) != 1)}"
        yield from (f"  {how}\n    {json.dumps(each)}" for each, how in found)


def main(count: int, seed: int = 0) -> int:
    """Train the corners and `count` random networks; return the exit status."""
    result = train_in_children([*CORNERS, *random_networks(count, seed)])
    print("\n".join(_summary(result)))
    return int(bool(result.exits or result.errors))


if __name__ == "__main__":
    if sys.argv[1:] == ["--child"]:
        _train_all(json.load(sys.stdin))
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
