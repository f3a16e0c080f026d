"""Networks of keras.applications beside the same ones here: `python -m benchmarks.families [NAME...] [--batch N]`.

Both are built in one process, with one batch of images, and take their turns round by round, so that a ratio is of two
measurements which met the same state of the machine. A step of training is that of `kresnet fit` beside that of `fit`;
inference that of an export, its norms folded, beside the network in one `tf.function`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.jobs import NETWORKS, Job, Network
from benchmarks.machine import commit, machine
from benchmarks.peers import LEARNING_RATE, MOMENTUM
from benchmarks.peers import on_tensorflow as shared
from benchmarks.peers.ours import Contender as Ours
from benchmarks.spread import ratios, spread
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.pretrained.keras_files import KERAS_FILES

#: The smallest of each family, and the largest that a laptop trains.
DEFAULT = ("MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny")


class OurPeer(Ours):
    """The same network here, for images of the job's size."""

    def __init__(self, name: str, job: Job) -> None:
        from kresnet.graph import build_model

        self.job = job
        changes = {"input.shape": list(NETWORKS[job.network].shape), "input.resize": {"kind": "stretch"}}
        self.plan = plan_loaded(load_spec(KERAS_FILES[name].spec, changes))
        self.network = build_model(self.plan)
        self.parameters = self.plan.trainable


class KerasPeer(shared.TensorFlowPeer):
    """A network of keras.applications, compiled and trained as Keras does it."""

    def __init__(self, name: str, job: Job) -> None:
        import keras

        file = KERAS_FILES[name]
        self.job = job
        self.network = getattr(keras.applications, file.model)(
            weights=None, input_shape=NETWORKS[job.network].shape, classifier_activation=None, **file.arguments
        )
        self.parameters = sum(weight.shape.num_elements() for weight in self.network.trainable_variables)

    def _start_training(self) -> None:
        import keras

        optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        data = shared.training_data(self.job)
        self.network.compile(
            optimizer,
            loss,
            metrics=[keras.metrics.SparseCategoricalAccuracy()],
            jit_compile=self.job.contender == "kresnet_xla",
        )
        self.network.fit(data, steps_per_epoch=1, verbose=0)
        batches = iter(data)

        def run(steps: int) -> None:
            for _ in range(steps):
                logs = self.network.train_function(batches)
            float(logs["loss"])

        self._run = run

    def _start_inference(self) -> None:
        batches, infer = shared.image_batches(self.job), shared.compiled(self.network)

        def run(steps: int) -> None:
            for _ in range(steps):
                logits = infer(next(batches))
            logits.numpy()

        self._run = run


def measured(
    name: str, mode: str, batch: int, rounds: int, steps: int, side: int | None, *, xla: bool
) -> dict[str, Any]:
    """Images a second of both in each round, after each has taken two steps."""
    spec = load_spec(KERAS_FILES[name].spec).value
    height, width, channels = spec.input.shape
    shape = (side or height, side or width, channels)
    NETWORKS[spec.name] = Network(shape, 1000, batch, batch, 0)
    job = Job("kresnet_xla" if xla else "kresnet", spec.name, "float32", mode, batch, 0)
    peers: dict[str, Any] = {"kresnet": OurPeer(name, job), "keras": KerasPeer(name, job)}
    assert peers["kresnet"].parameters == peers["keras"].parameters, "another network"
    for peer in peers.values():
        peer.start()
        peer.run(2)
    speeds: dict[str, list[float]] = {contender: [] for contender in peers}
    for number in range(rounds):
        for contender in list(peers)[:: 1 if number % 2 else -1]:
            speeds[contender].append(steps * batch / _seconds(lambda: peers[contender].run(steps)))  # noqa: B023
    return {"name": name, "mode": mode, "xla": xla, "batch": batch, "shape": list(shape), "images_per_second": speeds}


def table_row(entry: dict[str, Any]) -> str:
    """Return the row of what was measured: images a second of both, and how many times as fast ours is."""
    ours, theirs = entry["images_per_second"]["kresnet"], entry["images_per_second"]["keras"]
    faster = spread(ratios(ours, theirs), 2)
    return f"| {entry['name']} | {entry['mode']} | {spread(ours)} | {spread(theirs)} | {faster} |"


def _seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    """A row a network: images a second of a step of training and of inference, and how many times Keras's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=DEFAULT, metavar="NAME")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3, help="of a turn")
    parser.add_argument("--side", type=int, help="of the images, in pixels; the network's own unless stated")
    parser.add_argument("--xla", action="store_true", help="compile both steps of training with XLA")
    parser.add_argument("-o", "--output", type=Path, help="a JSON file of all that was measured")
    chosen = parser.parse_args()
    print("| network | mode | kresnet, images/s | keras.applications | times as fast |\n|---|---|---|---|---|")
    entries = []
    for name in chosen.names:
        for mode in ("training", "inference"):
            entry = measured(name, mode, chosen.batch, chosen.rounds, chosen.steps, chosen.side, xla=chosen.xla)
            print(table_row(entry), flush=True)
            entries.append(entry)
    if chosen.output:
        found = {"machine": machine(), "commit": commit(), "versions": shared.versions(), "entries": entries}
        chosen.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
