"""The process in which an export is proved: `python -m kresnet.export.proof_process VERSION_DIR`.

It never imports TensorFlow's Python. It writes one JSON object a line to stdout, before and after each check, so that
whoever started it knows how far it came where the model ends the process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from kresnet.export.capi import RuntimeFailure
from kresnet.export.export_under_test import CheckFailed, ExportUnderTest, announce
from kresnet.export.proof_checks import CHECKS


def main(directory: Path) -> None:
    """Run every check on a version folder, up to a failed check that the others depend on."""
    export = ExportUnderTest(directory)
    for check in CHECKS:
        _write({"start": check.name})
        announce(check.name)
        passed = False
        try:
            detail, passed = check.run(export), True
        except (CheckFailed, RuntimeFailure) as error:
            detail = str(error)
        except Exception as error:  # a file that cannot be parsed, an output that is missing: the check failed
            detail = f"{type(error).__name__}: {error}"
        _write({"name": check.name, "passed": passed, "detail": " ".join(detail.split()).rstrip(".")})
        if check.gate and not passed:
            break
    _write({"facts": export.facts})


def _write(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
