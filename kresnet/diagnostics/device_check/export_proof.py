"""An export made on this machine, of a network that was trained on its device, passes its proof."""

from __future__ import annotations

from kresnet.data.embedded import read_embedded
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.small_training import begin_training
from kresnet.export.sample_inputs import SampleInputs
from kresnet.export.saved_model import export_model


def check_export_proof(context: DeviceContext) -> PartResult:
    """Train two steps, export, and let a fresh process prove the export on the CPU."""
    training = begin_training(2, {"name": "device_check"})
    for _ in range(2):
        training.step()
    spec = training.run.spec
    inputs = SampleInputs(read_embedded()["test_images"][:16], "Fashion-MNIST images")
    names = [str(label) for label in range(10)]
    report = export_model(
        training.engine.trainer.network, spec, names, context.scratch / "models", plan=training.run.plan, inputs=inputs
    ).report
    figures: dict[str, float | str] = {"checks": len(report.results)}
    if "largest_difference" in report.facts:
        figures["largest difference"] = float(report.facts["largest_difference"])
    return PartResult("export", "passed", figures, "the export serves, and answers as the network does")
