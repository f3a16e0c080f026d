"""Run the command line as a user does: in a process of its own.

Importing TensorFlow takes as long as most of these commands. So a process that has imported it, and nothing else, waits
beside each worker of pytest, and forks for every command; `kresnet_process` starts Python anew, for what depends on it.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

KRESNET = [sys.executable, "-m", "kresnet"]

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["tests.preloaded"])


def kresnet_process(*arguments: object, timeout: float = 300, **options: Any) -> subprocess.CompletedProcess[str]:
    """`kresnet ARGUMENTS...`, in a new Python; other options as `subprocess.run` takes them."""
    command, environment = [*KRESNET, *map(str, arguments)], options.pop("env", None) or users_environment()
    return subprocess.run(
        command, text=True, capture_output=True, timeout=timeout, check=False, env=environment, **options
    )


def users_environment() -> dict[str, str]:
    """The environment without what importing TensorFlow in this process has put there."""
    return {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}


def kresnet(
    *arguments: object,
    timeout: float = 300,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`kresnet ARGUMENTS...`, in a process that has imported TensorFlow already.

    Args:
        arguments: of the command line.
        timeout: in seconds, after which it is killed.
        cwd: where it runs.
        env: its environment; what TensorFlow reads when it is imported has no say.

    Returns:
        Exit status, stdout and stderr.

    Raises:
        subprocess.TimeoutExpired: when it is not over in time.
    """
    return _in_a_fork(ForkedCommand(*arguments, cwd=cwd, env=env), timeout)


def forked_python(
    program: str, *arguments: object, timeout: float = 300, cwd: str | os.PathLike[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -c PROGRAM ARGUMENTS...`, in a process that has imported TensorFlow and has not looked for devices yet.

    Arguments, result and error are those of `kresnet`.
    """
    return _in_a_fork(ForkedCommand.of_program(program, *arguments, cwd=cwd), timeout)


class ForkedCommand:
    """`kresnet ARGUMENTS...` that runs while the test goes on, in a process that has imported TensorFlow already.

    Its methods are those of `subprocess.Popen`; arguments as `kresnet` takes them.
    """

    def __init__(
        self,
        *arguments: object,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._begin([*KRESNET, *map(str, arguments)], _run_kresnet, cwd, env)

    @classmethod
    def of_program(cls, program: str, *arguments: object, cwd: str | os.PathLike[str] | None = None) -> ForkedCommand:
        """`python -c PROGRAM ARGUMENTS...` likewise."""
        command = cls.__new__(cls)
        command._begin([program, *map(str, arguments)], _run_program, cwd, None)
        return command

    def _begin(
        self,
        words: list[str],
        run: Callable[[list[str]], None],
        cwd: str | os.PathLike[str] | None,
        env: Mapping[str, str] | None,
    ) -> None:
        self.args, folder = words, tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._files = tuple(Path(folder, name) for name in ("stdout", "stderr"))
        environment = dict(env or users_environment())
        self._process = _forkserver.Process(
            target=_begin, args=(run, words, os.fspath(cwd or "."), environment, *self._files)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0, *self._texts())
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        return self._texts()

    def _texts(self) -> tuple[str, str]:
        """What is on stdout and stderr so far; a process that was killed at once has neither."""
        out, err = (path.read_text(errors="replace") if path.exists() else "" for path in self._files)
        return out, err


def _in_a_fork(command: ForkedCommand, timeout: float) -> subprocess.CompletedProcess[str]:
    try:
        out, err = command.communicate(timeout)
    except subprocess.TimeoutExpired:
        command.kill()
        command.wait()
        raise
    return subprocess.CompletedProcess(command.args, command.wait(), out, err)


def _run_kresnet(words: list[str]) -> None:
    from kresnet.cli.main import main

    main(words[len(KRESNET) :])


def _run_program(words: list[str]) -> None:
    sys.argv = ["-c", *words[1:]]
    exec(compile(words[0], "<program>", "exec"), {"__name__": "__main__"})


def _begin(
    run: Callable[[list[str]], None],
    words: list[str],
    folder: str,
    environment: Mapping[str, str],
    out: Path,
    err: Path,
) -> None:
    """Be the command: its folder, its environment, its descriptors 0 to 2; ends the process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    write = os.O_WRONLY | os.O_CREAT
    for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, write), (2, err, write)):
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    try:
        run(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
