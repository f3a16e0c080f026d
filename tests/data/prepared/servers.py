"""Servers on loopback, each a process of its own: moto's, which speaks S3, and one of files that knows ranges."""

from __future__ import annotations

import functools
import http.server
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

#: Of nobody; what must not appear in any output.
KEY, SECRET = "AKIAKRESNETTESTKEY00", "kresnet/test/secret/that/is/of/nobody"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server that is started, killed, and started again at the same port."""

    def __init__(self, *command: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._command = [each.replace("PORT", str(self.port)) for each in command]
        self.start()

    def start(self) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([sys.executable, *self._command], **quiet)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError(self._command)

    def kill(self) -> None:
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()


def s3_server() -> Server:
    return Server("-m", "moto.server", "-H", "127.0.0.1", "-p", "PORT")


def s3_environment(server: Server) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def upload(server: Server, folder: Path, bucket: str = "bucket") -> None:
    """Put a folder's files below `s3://bucket/FOLDER`, by boto, which kresnet does not use."""
    import boto3

    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{server.port}", aws_access_key_id=KEY,
                          aws_secret_access_key=SECRET, region_name="us-east-1")  # fmt: skip
    client.create_bucket(Bucket=bucket)
    for path in folder.iterdir():
        client.upload_file(str(path), bucket, f"{folder.name}/{path.name}")


def file_server(folder: Path) -> Server:
    return Server("-m", "tests.data.prepared.servers", str(folder), "PORT")


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files, parts of them too (RFC 9110, section 14), which Python's own handler does not."""

    def do_GET(self) -> None:
        path, ranges = Path(self.translate_path(self.path)), self.headers.get("Range", "")
        if not ranges.startswith("bytes=") or not path.is_file():
            return super().do_GET()
        first, last = ranges.removeprefix("bytes=").split("-")
        data = path.read_bytes()
        part = data[int(first) : int(last or len(data)) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)
        return None


if __name__ == "__main__":
    handler = functools.partial(RangeHandler, directory=sys.argv[1])
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler).serve_forever()
