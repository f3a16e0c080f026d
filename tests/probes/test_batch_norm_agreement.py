"""The batch-norm check lets right backward passes through and catches wrong ones, in every precision."""

import keras
import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.graph.layers import FusedBatchNorm
from kresnet.probes.batch_norm_agreement import norm_checks, require_agreement
from tests.probes.faulty_batch_norms import faulty_batch_norm
from tests.probes.small_networks import engine_of, images, plan_of, probe_of

PLAN = plan_of()
VISIBLE = ("lost_minus", "stale_mean", "dropped_1_m_variance", "dropped_1_m_mean", "misplaced_1_m")


def checks(batch_norm, precision, count=16, plan=PLAN):
    engine = engine_of(plan, precision=precision, batch_norm=batch_norm)
    probe = probe_of(plan, engine, norms=True)
    found = engine.measure(images(count), probe)
    return norm_checks([norm.name for norm in probe.norms], [each["batch_norm"] for each in found])


#: Precisions change the tolerances alone, which the first layer of each test tries all.
HALF = pytest.param("bfloat16", marks=pytest.mark.slow)
RIGHT = [FusedBatchNorm, keras.layers.BatchNormalization, faulty_batch_norm("none")]


@pytest.mark.parametrize(
    ("batch_norm", "precision"),
    [
        *((FusedBatchNorm, precision) for precision in ("float32", "bfloat16", "float16")),
        *((each, "float32") for each in RIGHT[1:]),
        *(
            pytest.param(each, precision, marks=pytest.mark.slow)
            for each in RIGHT[1:]
            for precision in ("bfloat16", "float16")
        ),
    ],
)
def test_right_backward_passes_agree(batch_norm, precision):
    found = checks(batch_norm, precision)
    assert len(found) == 1 + 2 * 4 + 1  # stem, blocks, one projection
    require_agreement(found)


@pytest.mark.parametrize(
    ("fault", "precision"),
    [
        *((fault, "float32") for fault in VISIBLE),
        (VISIBLE[0], "bfloat16"),
        *(pytest.param(fault, "bfloat16", marks=pytest.mark.slow) for fault in VISIBLE[1:]),
    ],
)
def test_a_planted_fault_is_caught_in_every_layer(fault, precision):
    found = checks(faulty_batch_norm(fault), precision)
    assert all("x" in each.failures for each in found)
    with pytest.raises(KresnetError, match=r"`stage2\.block1\.norm2` .*\[batch_norm_mismatch\]") as error:
        require_agreement(found)
    assert error.value.status == 1
    assert len(error.value.problems) == len(found)


@pytest.mark.parametrize("precision", ["float32", HALF])
def test_bessels_correction_is_caught_where_it_matters(precision):
    """It changes gradients by 1/(2m): beyond the tolerance where m is small, lost in the sums' rounding elsewhere."""
    found = {each.name: each for each in checks(faulty_batch_norm("bessel"), precision, count=4)}
    small = [each for each in found.values() if each.count <= 4 * 7 * 7]
    assert len(small) == 5
    assert all("x" in each.failures and "gamma" in each.failures for each in small)


def test_a_lost_minus_in_the_vanishing_term_is_no_fault():
    """Deviations from the exact mean add up to zero, so nothing is computed from that term's sign."""
    require_agreement(checks(faulty_batch_norm("lost_minus_of_zero"), "float32"))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("fault", ["mean", "variance"])
def test_other_statistics_in_the_output_are_caught_and_named(fault, precision):
    found = checks(faulty_batch_norm(f"forward_{fault}"), precision)
    assert all({"y", fault} <= set(each.failures) for each in found)
    of_statistics = {"mean", "variance"} if precision == "float32" else set()  # bfloat16 hides part of either
    others = ({"x", "gamma", "beta"} | of_statistics) - {fault}
    assert not any(others & set(each.failures) for each in found)
    assert all(each.errors[fault] < 1.1e-3 for each in found)  # a thousandth of a deviation, over the size of terms
    with pytest.raises(KresnetError, match=f"The forward pass of batch norm .* another {fault} than the batch's"):
        require_agreement(found)


def test_an_output_that_is_wrong_though_its_statistics_are_right_is_caught():
    assert all("y" in each.failures for each in checks(faulty_batch_norm("forward_output"), "float32"))


def test_a_stale_mean_spoils_gamma_too():
    assert all("gamma" in each.failures for each in checks(faulty_batch_norm("stale_mean"), "float32"))


def test_no_number_fails():
    rows = np.full((1, 9), np.nan)
    rows[0, -1] = 64
    (check,) = norm_checks(["norm"], [rows])
    assert len(check.failures) == 8


@pytest.mark.parametrize("order", ["full_preactivation", "norm_after_add"])
def test_a_norm_that_shares_its_input_is_judged_by_its_own_share(order):
    """In pre-activation the norm's input also feeds the shortcut, whose gradient is none of the norm's."""
    require_agreement(checks(FusedBatchNorm, "float32", plan=plan_of(block={"kind": "basic", "order": order})))


def test_zero_gamma_and_a_branch_without_gradient_agree():
    require_agreement(checks(FusedBatchNorm, "float32", plan=plan_of(block={"kind": "basic", "zero_init_last": True})))
