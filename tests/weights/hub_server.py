"""A server on loopback that speaks the protocol of the Hugging Face hub, as `huggingface_hub` uses it; and troubles.

Small files are answered by themselves, large ones (LFS) by a redirect to `/cdn/SHA256`, which knows ranges. A fault is
served to the next request that it fits; see `Fault`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

#: Endings of files that the hub keeps as LFS.
LARGE = (".safetensors", ".bin", ".keras", ".h5", ".pth")


@dataclass
class Fault:
    """A trouble.

    Attributes:
        method: of the requests that meet it, `HEAD` or `GET`; empty for both.
        path: what the requests' path contains.
        status: answer with this status instead of the file.
        error_code: what the hub says in `X-Error-Code`.
        cut_after: send so many bytes and cut the connection; the announced length is the whole one.
        change: send what this makes of the bytes, of its own length.
        times: how many requests meet it; then all is well.
    """

    method: str = ""
    path: str = ""
    status: int = 0
    error_code: str = ""
    cut_after: int | None = None
    change: Callable[[bytes], bytes] | None = None
    times: int = 1_000_000


@dataclass
class Repository:
    """A repository: its commits by revision, newest as `main`, and who may read it.

    Attributes:
        commits: files by name, of each commit.
        refs: commits by branch and tag.
        token: what a request must carry to read it; empty for a public one.
        gated: whether one needs to be on a list, which nobody is.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    token: str = ""
    gated: bool = False

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Add a commit that changes files, and return its name."""
        before = self.refs.get(branch, "")
        files = {**self.commits.get(before, {}), **files}
        name = hashlib.sha1(repr((before, sorted(files.items()))).encode()).hexdigest()
        self.commits[name], self.refs[branch] = files, name
        return name


class Hub:
    """The server's state.

    Attributes:
        address: where it answers.
        cdn: where it answers for large files: another host, by its name.
        repositories: by `OWNER/REPO`.
        faults: troubles; the first that fits a request is met.
        requests: method, path and headers of every request that came.
        uploads: large files that were sent, before a commit names them.
        write_token: what a request must carry to write; nobody may where it is empty.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.uploads: list[bytes] = []
        self.write_token = ""
        self.address = self.cdn = ""

    def add(self, name: str, files: dict[str, bytes], **options: Any) -> Repository:
        """Add a public repository of one commit."""
        repository = self.repositories[name] = Repository(**options)
        repository.commit(files)
        return repository

    def fault_of(self, method: str, path: str) -> Fault | None:
        """Return the trouble that a request meets."""
        for fault in self.faults:
            if fault.times > 0 and fault.method in ("", method) and fault.path in path:
                fault.times -= 1
                return fault
        return None

    def asked(self, method: str, piece: str) -> list[dict[str, str]]:
        """Return the headers of the requests whose path contains a piece."""
        return [headers for each, path, headers in self.requests if each == method and piece in path]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer()

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_PUT(self) -> None:
        """Keep a large file."""
        self.hub.uploads.append(self._body())
        self._send(200, b"")

    def do_POST(self) -> None:
        """Create a repository, say how files are to be sent, or make a commit of them."""
        body = self._body()
        self.hub.requests.append((self.command, self.path, {name.lower(): it for name, it in self.headers.items()}))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.hub.write_token or token != self.hub.write_token:
            return self._send(401, b"", {"X-Error-Message": "Invalid credentials in Authorization header"})
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.hub.repositories.setdefault(name, Repository())
            return self._send_json({"url": f"{self.hub.address}/{name}", "name": name})
        if self.path == "/api/validate-yaml":
            return self._send_json({"errors": [], "warnings": []})
        if self.path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            modes = [{"path": each["path"], "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular",
                      "shouldIgnore": False, "oid": None} for each in files]  # fmt: skip
            return self._send_json({"files": modes})
        if self.path.endswith("/info/lfs/objects/batch"):
            upload = {"upload": {"href": f"{self.hub.address}/upload"}}
            objects = [
                {"oid": each["oid"], "size": each["size"], "actions": upload} for each in json.loads(body)["objects"]
            ]
            return self._send_json({"transfer": "basic", "objects": objects})
        if found := re.fullmatch(r"/api/models/(.+)/commit/main", self.path):
            commit = self.hub.repositories[found[1]].commit(self._committed(body))
            return self._send_json({"commitUrl": f"{self.hub.address}/{found[1]}/commit/{commit}", "commitOid": commit})
        return self._send(404, b"")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _committed(self, body: bytes) -> dict[str, bytes]:
        """The files of a commit: small ones within it, large ones as they were sent before."""
        sent = {hashlib.sha256(content).hexdigest(): content for content in self.hub.uploads}
        files = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = sent[value["oid"]]
        return files

    def _send_json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self) -> None:
        path = unquote(self.path)
        self.hub.requests.append((self.command, path, {name.lower(): value for name, value in self.headers.items()}))
        fault = self.hub.fault_of(self.command, path)
        if fault and fault.status:
            return self._send(fault.status, b"", {"X-Error-Code": fault.error_code} if fault.error_code else {})
        if found := re.fullmatch(r"/cdn/([0-9a-f]{64})", path):
            return self._send_content(self._blob(found[1]), {}, fault)
        if found := re.fullmatch(r"/files/(.+)", path):
            return self._send_content(self.hub.repositories["files"].commits["plain"][found[1]], {}, fault)
        if found := re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(*found.groups(), fault)
        return self._send(404, b"")

    def _resolve(self, name: str, revision: str, file: str, fault: Fault | None) -> None:
        repository = self.hub.repositories.get(name)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository is None or (repository.token and token != repository.token):
            status = 404 if token and not (repository and repository.token) else 401
            return self._send(status, b"", {"X-Error-Code": "RepoNotFound"})
        if repository.gated:
            return self._send(403, b"", {"X-Error-Code": "GatedRepo"})
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            return self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        headers = {"X-Repo-Commit": commit}
        if (content := repository.commits[commit].get(file)) is None:
            return self._send(404, b"", {**headers, "X-Error-Code": "EntryNotFound"})
        if file.endswith(LARGE):
            digest = hashlib.sha256(content).hexdigest()
            headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
            return self._send(302, b"", {**headers, "Location": f"{self.hub.cdn}/cdn/{digest}"})
        etag = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return self._send_content(content, {**headers, "ETag": f'"{etag}"'}, fault)

    def _blob(self, digest: str) -> bytes:
        for repository in self.hub.repositories.values():
            for files in repository.commits.values():
                for content in files.values():
                    if hashlib.sha256(content).hexdigest() == digest:
                        return content
        return b""

    def _send_content(self, content: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        whole = len(content)
        if fault and fault.change:
            content = fault.change(content)
            whole = len(content)
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(start[1]) if start else 0
        status = 206 if start else 200
        if start:
            headers = {**headers, "Content-Range": f"bytes {first}-{whole - 1}/{whole}"}
        cut = fault.cut_after if fault and self.command == "GET" else None
        self._send(status, content[first:], {**headers, "Accept-Ranges": "bytes"}, cut)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True
            self.wfile.flush()


@contextlib.contextmanager
def serving_hub() -> Iterator[Hub]:
    """A hub that answers within the block, at `Hub.address`."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address, hub.cdn = (f"http://{host}:{server.server_port}" for host in ("127.0.0.1", "localhost"))
    Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def json_bytes(value: Any) -> bytes:
    """A value as the bytes of a JSON file."""
    return json.dumps(value, indent=2).encode()
