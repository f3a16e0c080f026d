"""TensorBoard's own reader finds what was logged, and each step once after it was cut back."""

from __future__ import annotations

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kresnet.training.loop.trackers.run_tracker import TrackedRun
from kresnet.training.loop.trackers.tensorboard import TensorBoard


def test_an_epoch_is_on_disk_at_once_and_a_step_that_comes_again_is_there_once(tmp_path):
    tracker = TensorBoard()
    assert tracker.begin(TrackedRun(tmp_path, {}, 0, 0), {}) == {}
    tracker.log({"gradients/delta/block": 2.0}, 3, None)
    tracker.log({"train/loss": 0.5, "learning_rate": 0.125, "images_per_second": 9.0}, 8, 2)
    assert shown(tmp_path) == {
        "train/loss": [(2, 0.5)],
        "learning_rate": [(2, 0.125)],
        "gradients/delta/block": [(3, 2.0)],
    }
    tracker.roll_back(4, 1)
    tracker.log({"train/loss": 0.25}, 8, 2)
    tracker.end(finished=True)
    assert shown(tmp_path) == {"gradients/delta/block": [(3, 2.0)], "train/loss": [(2, 0.25)]}


def shown(folder):
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    return {tag: [(e.step, float(np.frombuffer(e.tensor_proto.tensor_content, np.float32)[0]))
                  for e in events.Tensors(tag)] for tag in events.Tags()["tensors"]}  # fmt: skip
