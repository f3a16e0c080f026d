r"""Prove that an export serves: load it as TF Serving does, in a fresh process without TensorFlow's Python.

    report = check_export(Path("models/resnet50/1"))
    print("\n".join(report.lines()))

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error
from kresnet.export.manifest import Manifest
from kresnet.export.proof_checks import CHECKS
from kresnet.export.reference_outputs import RANDOM_SOURCE
from kresnet.export.version_folders import list_versions
from kresnet.python_processes import child_environment, python_command

#: Seconds after which a proof that has not ended is taken to hang.
TIMEOUT_SECONDS = 900

_CODES = {check.name: check.code for check in CHECKS}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check that ran.

    Attributes:
        name: name of the check.
        passed: whether it held.
        detail: what was found, in words.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ProofReport:
    """Report of a proof: what was verified of an export, and what was not.

    Attributes:
        directory: the version folder.
        results: the checks that ran, in order.
        not_verified: what the proof says nothing about, a sentence each.
        changes: how the served network differs from the trained one (see `kresnet.export.served_network.ServedChange`).
        facts: what was measured on the way: `tensorflow`, `needs`, `weights_bytes`, `variables_bytes`, `load_seconds`,
            `largest_difference`, `milliseconds_a_batch`, `loaded_resident_bytes` (the runtime's own included).
    """

    directory: Path
    results: tuple[CheckResult, ...]
    not_verified: tuple[str, ...]
    changes: tuple[dict[str, Any], ...]
    facts: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every check ran and held."""
        return len(self.results) == len(CHECKS) and all(result.passed for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "directory": str(self.directory),
            "passed": self.passed,
            "checks": [asdict(result) for result in self.results],
            "not_verified": list(self.not_verified),
            "changes": list(self.changes),
            "facts": self.facts,
        }

    def lines(self) -> list[str]:
        """Return the report as text for a human, a line for each check."""
        width = max(len(check.name) for check in CHECKS)
        lines = [f"{'ok    ' if one.passed else 'FAILED'} {one.name:<{width}}  {one.detail}" for one in self.results]
        lines += [f"{'changed':<{width + 7}}  {_describe_change(change)}" for change in self.changes]
        lines += [f"{'not verified':<{width + 7}}  {sentence}" for sentence in self.not_verified]
        verdict = f"servable: {self.directory}" if self.passed else f"NOT servable: {self.directory}"
        return [*lines, f"{verdict} (needs {self.facts['needs']})" if self.passed else verdict]

    def make_error(self) -> KresnetError:
        """Return an error whose problems are the failed checks."""
        return KresnetError(
            Problem(_CODES[one.name], f"The exported model does not serve ({one.name}): {one.detail}.")
            for one in self.results
            if not one.passed
        )


def check_export(directory: Path) -> ProofReport:
    """Prove a version folder, or the newest version of a model's folder, in a fresh process on the CPU.

    Raises:
        KresnetError: `model_unreadable`, where `directory` holds no export of kresnet.
    """
    version = _version_folder(directory)
    manifest = Manifest.load(version)
    environment = child_environment({"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "1"})
    command = python_command("kresnet.export.proof_process", str(version.absolute()))
    try:
        process = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        written, ending = process.stdout, _describe_ending(process)
    except subprocess.TimeoutExpired as expired:
        written = expired.stdout.decode(errors="replace") if isinstance(expired.stdout, bytes) else expired.stdout or ""
        ending = f"the process had not ended after {TIMEOUT_SECONDS} s"
    results, facts = _read_results(written, ending)
    return ProofReport(version, results, _list_unverified(manifest, results, facts), manifest.changes, facts)


def _version_folder(directory: Path) -> Path:
    if not directory.is_dir():
        raise make_error(
            "model_unreadable", f"There is no directory {directory}.", remedy="name MODELS_DIR/NAME/VERSION"
        )
    if (directory / "saved_model.pb").exists() or not (present := list_versions(directory)):
        return directory
    return present[max(present)]


def _read_results(written: str, ending: str) -> tuple[tuple[CheckResult, ...], dict[str, Any]]:
    """Return the results that the process wrote; a check during which it ended is a failed one."""
    results: list[CheckResult] = []
    facts: dict[str, Any] = {}
    running = ""
    for line in written.splitlines():
        values: Any = None
        with suppress(ValueError):  # the last line may be cut short
            values = json.loads(line)
        match values:
            case {"start": running}:
                pass
            case {"facts": facts}:
                running = ""
            case {"name": name, "passed": passed, "detail": detail}:
                results.append(CheckResult(name, passed, detail))
                running = ""
    if ending and not facts:
        results.append(CheckResult(running or CHECKS[len(results)].name, False, ending))
    return tuple(results), facts


def _describe_ending(process: "subprocess.CompletedProcess[str]") -> str:
    """Return why the process ended, and what it was doing, in words; empty where it ended well."""
    if process.returncode == 0:
        return ""
    lines = process.stderr.strip().splitlines()
    how = f"exit status {process.returncode}"
    if process.returncode < 0:
        how = signal.Signals(-process.returncode).name
    trying = next((line for line in reversed(lines) if line.startswith("trying ")), "starting")
    fatal = [line.partition("] ")[2] for line in lines if re.match(r"F\d{4} ", line)]  # above a C++ stack trace
    last = next((line for line in reversed(lines) if not line.startswith("trying ")), "no message")
    return f"the process ended with {how} while {trying}: {(fatal or [last])[-1]}"


def _describe_change(change: Mapping[str, Any]) -> str:
    others = f"; another class for {change['classes_changed']} rows" if change["classes_changed"] else ""
    return f"{change['what']}: outputs differ from before by {change['largest_difference']:.1e}{others}"


def _list_unverified(manifest: Manifest, results: tuple[CheckResult, ...], facts: dict[str, Any]) -> tuple[str, ...]:
    skipped = [check.name for check in CHECKS if check.name not in {result.name for result in results}]
    gaps = [f"These checks did not run: {', '.join(skipped)}."] if skipped else []
    if manifest.reference_source == RANDOM_SOURCE:
        gaps.append("Outputs were compared on random inputs, not on real ones.")
    if "image_bytes" in manifest.signatures:
        gaps.append("The memory that a crafted animated GIF may take was not bounded; other formats' headers are.")
    runtime = f"TensorFlow {facts['tensorflow']}" if "tensorflow" in facts else "TensorFlow"
    return (
        *gaps,
        f"tensorflow_model_server itself was not run; {runtime}'s C++ loader and kernels, which it shares, were.",
        "REST and gRPC requests were not sent; arrays were handed to the runtime.",
        "GPUs were not used.",
    )
