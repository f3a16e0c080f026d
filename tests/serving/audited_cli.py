"""The command line, noting what Python opens: `python audited_cli.py LOG serve ...` writes a JSON list an event."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from kresnet.cli.main import main

EVENTS = ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "subprocess.Popen")

if __name__ == "__main__":
    log = Path(sys.argv[1]).open("w", buffering=1)  # noqa: SIM115 - for as long as the process lives

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS:
            log.write(json.dumps([event, str(arguments[0])]) + "\n")

    sys.addaudithook(note)
    main(sys.argv[2:])
