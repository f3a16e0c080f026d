"""A pass over a split: its metrics are scikit-learn's of a plain loop's outputs, whoever shares the work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score, roc_auc_score, top_k_accuracy_score

from kresnet.data.sources.array_source import ArraySource
from kresnet.data.splits import Split
from kresnet.distributed.rendezvous import rendezvous
from kresnet.distributed.workers import Workers
from kresnet.plan.objective import Objective
from kresnet.spec.inputs import Input
from kresnet.spec.recipe.metrics import TopKAccuracyMetric, metric_named
from kresnet.training.step.engine import Engine
from kresnet.training.step.losses import make_loss
from kresnet.training.step.measure import measure_split
from kresnet.training.step.metric_sums import MetricSums, sum_batch
from kresnet.training.step.trainer import Trainer
from tests import outside_recipe
from tests.distributed.test_workers import clusters
from tests.outside_recipe import LargestLogit
from tests.training.step.test_engine import small_network

OBJECTIVE = Objective("softmax", 4)
RNG = np.random.default_rng(0)
#: Of the last batch of 8, a third worker of four gets one image and the fourth none.
IMAGES = RNG.integers(0, 256, (29, 6, 6, 1)).astype(np.uint8)
LABELS = RNG.integers(0, 4, 29).astype(np.int32)


#: Measured beside what always is: in one pass, and in slices of workers, of which some get padding alone.
OTHERS = [TopKAccuracyMetric(kind="top_k_accuracy", k=2), LargestLogit(kind="extreme_logit")]


@pytest.fixture(scope="module", autouse=True)
def outside():
    outside_recipe.register()
    yield
    outside_recipe.forget()


@pytest.fixture(scope="module")
def split() -> Split:
    input = Input.model_validate({"shape": [6, 6, 1]})
    return Split("test", ArraySource(IMAGES, LABELS, input), input)


@pytest.fixture(scope="module")
def outputs() -> np.ndarray:
    return np.asarray(small_network()(IMAGES.astype(np.float32)))


def test_outputs_are_gathered_in_order_and_only_where_they_are_wanted(split, outputs):
    engine = Engine(Trainer(small_network(), loss=make_loss(OBJECTIVE)), tf.distribute.get_strategy())
    plain = measure_split(engine, split, OBJECTIVE, 8)
    assert plain.found is None
    assert tuple(plain.metrics) == ("loss", "accuracy", *OBJECTIVE.matrix_metrics)
    full = measure_split(engine, split, OBJECTIVE, 8, wanted=[metric_named("auroc_macro")])
    assert full.metrics == plain.metrics | {name: full.metrics[name] for name in OBJECTIVE.output_metrics}
    assert full.found is not None
    np.testing.assert_allclose(full.found.outputs, outputs, rtol=1e-5)
    np.testing.assert_array_equal(full.found.targets, LABELS)
    assert full.metrics["macro_f1"] == pytest.approx(f1_score(LABELS, outputs.argmax(-1), average="macro"))
    probabilities = tf.nn.softmax(outputs.astype(np.float64)).numpy()
    assert full.metrics["auroc_macro"] == pytest.approx(roc_auc_score(LABELS, probabilities, multi_class="ovr"))


class LoopEngine:
    """Sums what `Engine` sums, of one worker's slices, without a strategy that would want a process of its own."""

    def __init__(self, network) -> None:
        self.network = network

    def sum_metrics(self, batches, batch_size, between, *, keep_outputs):
        sums = MetricSums()
        for images, targets in batches:
            padded = tf.pad(tf.cast(images, tf.float32), [[0, 1], [0, 0], [0, 0], [0, 0]])
            outputs = self.network(padded)[:-1]  # of no images at all oneDNN makes maps of another size
            sums.add(sum_batch(make_loss(OBJECTIVE, metrics=OTHERS), outputs, targets, tf.ones(len(targets))))
            sums.keep(outputs.numpy(), targets.numpy())
        return sums


@pytest.mark.parametrize("count", [2, 4])
def test_what_workers_read_in_slices_is_put_back_in_order(split, outputs, count):
    network = small_network()
    split.load()

    def measure(workers: Workers):
        return measure_split(
            LoopEngine(network), split, OBJECTIVE, 8, wanted=[metric_named("auroc_macro"), *OTHERS], workers=workers
        )

    def one(cluster):
        with (workers := rendezvous(cluster)).fail_together():
            return measure(workers)

    with ThreadPoolExecutor(count) as pool:
        chief, *others = pool.map(one, clusters(count))
    np.testing.assert_allclose(chief.found.outputs, outputs, rtol=1e-5)
    np.testing.assert_array_equal(chief.found.targets, LABELS)
    whole = measure(Workers())
    assert whole.metrics["top_2_accuracy"] == pytest.approx(top_k_accuracy_score(LABELS, outputs, k=2))
    assert whole.metrics["largest_logit"] == pytest.approx(np.sqrt(np.square(outputs.max(1)).mean()), rel=1e-5)
    for measured in (chief, *others):
        gathered = {name: measured.metrics[name] for name in OBJECTIVE.output_metrics}
        assert gathered == pytest.approx({name: whole.metrics[name] for name in gathered})
    assert all(measured.found is None for measured in others)


def test_an_ordered_target_has_a_kappa_where_it_is_asked_for(split):
    engine = SimpleNamespace(sum_metrics=lambda *_, **__: SimpleNamespace(
        means=lambda: {"loss": 1.0}, confusion_matrix=lambda: np.array([[3, 1], [1, 3]])))  # fmt: skip
    assert "quadratic_kappa" not in measure_split(engine, split, OBJECTIVE, 8).metrics
    assert (
        measure_split(engine, split, OBJECTIVE, 8, wanted=[metric_named("quadratic_kappa")]).metrics["quadratic_kappa"]
        == 0.5
    )
