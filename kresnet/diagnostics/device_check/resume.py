"""Resume from a kill: a run that was killed and went on is equal in every bit to one that was not."""

from __future__ import annotations

from kresnet.diagnostics.device_check.fit_processes import TrainingProcess, checkpoints, final_state, write_documents
from kresnet.diagnostics.device_check.part import REPORT_REMEDY, DeviceContext, PartResult
from kresnet.diagnostics.device_check.small_training import RECIPE, SPEC, differing_variables

#: Steps of the runs, and between two saves; the kill comes after the first.
_STEPS, _SAVES = 24, 4
_CHANGES = {"deterministic": True, "augment": {"crop_padding": 2, "flip": True}, "xla": "off"}


def check_resume(context: DeviceContext) -> PartResult:
    """Train a run to its end and another until it is killed by SIGKILL, resume that, and compare their last states."""
    saves = {"save_every_steps": _SAVES, "keep_last": 100}
    recipe = {**RECIPE, **_CHANGES, "steps": _STEPS, "checkpoints": saves}
    del recipe["epochs"]
    spec_path, recipe_path = write_documents(context, "resume", SPEC, recipe)
    folder = spec_path.parent
    arguments = [spec_path, "--recipe", recipe_path, "-o"]
    whole = TrainingProcess([*arguments, folder / "whole"], folder / "whole.log")
    cut = TrainingProcess([*arguments, folder / "cut"], folder / "cut.log")
    if not cut.wait_for(lambda: checkpoints(folder / "cut") > 0):
        cut.require_success()
        return PartResult("resume", "skipped", {}, "the run had ended before it could be killed")
    cut.kill()
    killed_at, _ = final_state(folder / "cut")
    whole.require_success()
    TrainingProcess(["--resume", folder / "cut"], folder / "resumed.log").require_success()
    (steps, one), (resumed, other) = final_state(folder / "whole"), final_state(folder / "cut")
    differing = differing_variables(one, other)
    figures: dict[str, float | str] = {"killed after step": killed_at, "steps": steps, "variables": len(one)}
    figures["differing"] = len(differing)
    if steps != resumed or differing:
        detail = f"{len(differing)} of {len(one)} variables differ after {resumed} steps"
        return PartResult("resume", "failed", figures, detail, REPORT_REMEDY)
    return PartResult("resume", "passed", figures, "a run that was killed and resumed is equal in every bit")
