"""CPU seconds and memory of both checks, one line a case: the numbers of docs/batch-norm.md and docs/gradient-flow.md.

python docs/figures/measure_checks.py DATA_DIR NETWORK PRECISION fused|stock one_device|mirrored

DATA_DIR is a folder of TensorFlow Datasets that holds cifar10_jpeg. `stock` builds Keras's own BatchNormalization in
place of the fused layer; `mirrored` splits the machine's CPU into two logical devices.
"""

import json
import resource
import sys
import time

from kresnet.runtime import import_tensorflow


def main(data_dir: str, network: str, precision: str, norm: str, distribution: str) -> None:
    import_tensorflow()
    import keras
    import tensorflow as tf

    if distribution == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from kresnet.diagnostics.batch_norm_check import check_batch_norms
    from kresnet.diagnostics.gradient_check import check_gradients
    from kresnet.diagnostics.network_under_test import open_network_under_test
    from kresnet.graph.layers import FusedBatchNorm
    from kresnet.probes.batch_norm_agreement import ERROR_FIELDS, tolerance

    subject = open_network_under_test(
        network,
        overrides=[
            f"recipe.data={{kind: tfds, name: cifar10_jpeg, data_dir: {data_dir}, test_split: test, validation: null}}",
            f"recipe.precision={precision}",
            f"recipe.distribution={distribution}",
        ],
        batch=16,
        batch_norm=FusedBatchNorm if norm == "fused" else keras.layers.BatchNormalization,
    )
    line: dict[str, object] = {"network": network, "precision": precision, "norm": norm, "distribution": distribution}
    began = time.process_time()
    checks = check_batch_norms(subject)
    line["bn_cpu_seconds"] = round(time.process_time() - began, 1)
    line["bn_peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
    line["norms"], line["failed"] = len(checks), sum(bool(check.failures) for check in checks)
    for field in ERROR_FIELDS:
        line[field] = float(f"{max(check.errors[field] for check in checks):.1e}")
    line["of_tolerance"] = round(max(c.errors["x"] / tolerance("x", c.count) for c in checks), 2)
    began = time.process_time()
    flow = check_gradients(subject, jacobians=distribution == "one_device" and norm == "fused")
    line["gradients_cpu_seconds"] = round(time.process_time() - began, 1)
    line["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
    change = flow.blocks[0].delta / flow.blocks[-1].delta
    line |= {"verdict": flow.verdict, "rate": round(flow.rate or 0, 3), "change": float(f"{change:.3g}")}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
