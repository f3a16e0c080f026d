"""The names of others' weights: `timm/…`, `keras/…`, `hf:…`, an address, a folder of the hub's form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from kresnet.errors import make_error

_FORMS = "timm/NAME, keras/NAME, hf:OWNER/REPO, each of the hub's perhaps with @REVISION, https://…, or a path"
#: Of a hub's repository and its revision.
_HUB = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w./-]+))?")
_ADDRESS = re.compile(r"https?:/{1,2}(?=[^/])")
#: Hosts that may be asked without encryption: this machine.
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class WeightName:
    """A name of weights, taken apart.

    Attributes:
        kind: `hub`, a repository; `keras`, of keras.applications; `address`, a file on a server; `folder`, a folder
            with what a repository holds.
        text: the name, as it is written down.
        target: the repository, the model, the address or the folder.
        revision: branch, tag or commit of a repository; empty for its main branch.
        sha256: what the file at an address must be; empty where the name does not say.
    """

    kind: Literal["hub", "keras", "address", "folder"]
    text: str
    target: str
    revision: str = ""
    sha256: str = ""

    @property
    def stem(self) -> str:
        """What a network and files of these weights may be called."""
        last = re.sub(r"\.(safetensors|pth|pt|bin|keras|h5)$", "", Path(urlsplit(self.target).path).name)
        return re.sub(r"[^\w.-]", "_", last).strip("._-")[:64] or "weights"


def parse_weight_name(text: str) -> WeightName | None:
    """Return what a text names; None for the path of anything but a folder of the hub's form.

    Raises:
        KresnetError: `weights_unknown` for what begins as a name and is none.
    """
    path = Path(text)
    if not text.startswith("hf:") and path.exists():
        return WeightName("folder", text, text) if (path / "config.json").is_file() else None
    if match := _ADDRESS.match(text):
        return _parse_address(text[: match.end()].split(":")[0] + "://" + text[match.end() :])
    if text.startswith("keras/"):
        return WeightName("keras", text, text.removeprefix("keras/"))
    if not text.startswith(("hf:", "timm/")):
        return None
    if not (found := _HUB.fullmatch(text.removeprefix("hf:"))):
        raise make_error("weights_unknown", f"{text} is no name of weights.", expected=_FORMS)
    return WeightName("hub", text, found["id"], found["revision"] or "")


def is_path(text: str) -> bool:
    """Whether a text means a file or a folder of this machine.

    Raises:
        KresnetError: as `parse_weight_name`.
    """
    name = parse_weight_name(text)
    return name is None or name.kind == "folder"


def _parse_address(text: str) -> WeightName:
    parts = urlsplit(text)
    if "@" in parts.netloc or parts.query:
        message = "An address is written down with the run, and may hold no user, password or signature."
        raise make_error("weights_unknown", message, remedy="fetch the file, and name its path")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        message = f"{text} is not encrypted: what comes could be anybody's."
        raise make_error("weights_unknown", message, remedy="an https:// address, or fetch the file, and name its path")
    sha256 = parts.fragment.removeprefix("sha256=")
    if parts.fragment and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise make_error("weights_unknown", f"{text} ends in no digest.", expected="#sha256= and 64 digits")
    return WeightName("address", text, text.partition("#")[0], sha256=sha256)


__all__ = ["WeightName", "is_path", "parse_weight_name"]
