"""Files of the Hugging Face hub: fetched by its own library, checked by their digests, refused in kresnet's words.

Cache, offline mode, tokens and mirrors are the library's: `HF_HOME`, `HF_HUB_OFFLINE`, `HF_TOKEN`, `HF_ENDPOINT`. It
resumes a download whose connection is cut, and gives a file its name when it is whole; but it does not compare what
came with the digest that the hub announces. That is done here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import digest, translate_os_errors
from kresnet.version import __version__

_SHA256, _GIT = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")

#: What OWNER and REPO of a repository are made of.
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A whole file of a repository, in the hub's cache.

    Attributes:
        path: path of the file.
        commit: commit of the repository that it is of.
        announced: what the hub says that its content is: a SHA-256, or git's digest of a small file.
    """

    path: Path
    commit: str
    announced: str

    def verify(self) -> str:
        """Compare the content with what was announced, and return its SHA-256; what differs leaves the cache.

        Raises:
            KresnetError: `model_unreadable`.
        """
        found = digest(self.path)
        if _SHA256.fullmatch(self.announced):
            same = found == self.announced
        elif _GIT.fullmatch(self.announced):
            same = _git_digest(self.path) == self.announced
        else:
            same = True
        if same:
            return found
        self.path.resolve().unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        raise make_error(
            "model_unreadable",
            f"{self.path.name} came, but is not what the hub announced; it is removed.",
            expected=self.announced,
            found=found,
            remedy="the same again; where it goes wrong again, a proxy or a mirror changes files: unset HF_ENDPOINT",
        )


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A repository of models, at a revision.

    Attributes:
        id: `OWNER/REPO`.
        revision: branch, tag or commit; empty for the main branch.
    """

    id: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.id}@{self.revision}" if self.revision else self.id

    def fetch(self, *names: str) -> HubFile:
        """Return the first of some files that the repository has, from the cache where it is there.

        Args:
            names: the files' names in the repository.

        Raises:
            KresnetError: `weights_unknown` for a repository, a revision or files that do not exist; `weights_access`
                where a token is missing; `weights_unreachable` where no answer comes and the cache has none;
                `disk_full`, `not_writable`.
        """
        if found := self.find(*names):
            return found
        message = f"{self} holds no {' or '.join(names)}."
        raise make_error("weights_unknown", message, remedy=f"what it holds: {endpoint()}/{self.id}/tree/main")

    def find(self, *names: str) -> HubFile | None:
        """Return the first of some files that the repository has; None if it has none of them, as `fetch` otherwise.

        Raises:
            KresnetError: as `fetch`.
        """
        unreachable: KresnetError | None = None
        for name in names:
            try:
                if found := self._download(name):
                    return found
            except KresnetError as error:
                if error.problems[0].code != "weights_unreachable":
                    raise
                unreachable = unreachable or error  # another name may be in the cache
        if unreachable:
            raise unreachable
        return None

    def upload(self, folder: Path, message: str, *, private: bool = False) -> str:
        """Put the files of a folder into the repository, in one commit; it is created where there is none.

        Args:
            folder: the folder.
            message: of the commit.
            private: whether a new repository is to be private.

        Returns:
            The address of the commit.

        Raises:
            KresnetError: `weights_access` where a token that may write is missing; `weights_unreachable`.
        """
        from huggingface_hub import HfApi

        hub = HfApi(endpoint=endpoint(), library_name="kresnet", library_version=__version__)
        with _translating_errors(self, "writing"):
            hub.create_repo(self.id, private=private, exist_ok=True)
            commit = hub.upload_folder(
                repo_id=self.id, folder_path=folder, revision=self.revision or None, commit_message=message
            )
        return str(commit.commit_url)

    def _download(self, name: str) -> HubFile | None:
        from huggingface_hub import errors, hf_hub_download

        with _translating_errors(self, name):
            try:
                path = hf_hub_download(
                    self.id,
                    name,
                    revision=self.revision or None,
                    endpoint=endpoint(),
                    library_name="kresnet",
                    library_version=__version__,
                )
            except errors.LocalEntryNotFoundError:
                raise
            except errors.EntryNotFoundError:
                return None
        pointer = Path(path)
        announced = pointer.readlink().name if pointer.is_symlink() else ""
        return HubFile(pointer, pointer.parts[-1 - len(Path(name).parts)], announced)


def endpoint() -> str:
    """Return the address of the hub: `HF_ENDPOINT`, or the usual one."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


@contextlib.contextmanager
def _translating_errors(repository: HubRepository, name: str) -> Iterator[None]:
    """Turn what the hub's library raises into errors of kresnet's.

    Raises:
        KresnetError: as `HubRepository.fetch`.
    """
    from huggingface_hub import constants, errors

    try:
        with translate_os_errors(Path(constants.HF_HUB_CACHE)):
            try:
                yield
            except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError) as error:
                raise _Answer(error) from None
            except OSError as error:
                if error.errno is None:  # "Consistency check failed": another length than announced
                    raise _Answer(error) from None
                raise
    except KresnetError:
        raise
    except _Answer as answer:
        raise _explain(repository, name, answer.error) from None
    except Exception as error:  # of the HTTP library, whichever the hub's library uses
        raise _explain(repository, name, error) from None


class _Answer(Exception):
    """Carries an error past what treats every OSError as the disk's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _explain(repository: HubRepository, name: str, error: Exception) -> KresnetError:
    from huggingface_hub import errors

    where, cause = endpoint(), error.__cause__ or error
    status = getattr(getattr(cause, "response", None), "status_code", None)
    token = "a token that may read it: hf auth login, or HF_TOKEN=TOKEN in the environment"
    if isinstance(error, errors.GatedRepoError):
        message = f"{repository} is gated: {where} gives it to those who asked its owner for access, and sent a token."
        return make_error("weights_access", message, remedy=f"ask at {where}/{repository.id}, then {token}")
    if isinstance(error, errors.RevisionNotFoundError):
        message = f"{repository.id} has no revision {repository.revision}."
        return make_error("weights_unknown", message, expected="a branch, a tag or a commit",
                          remedy="another, or none, which means the main branch")  # fmt: skip
    if isinstance(error, errors.RepositoryNotFoundError):
        message = f"{where} knows no {repository.id}, or keeps it private."
        return make_error("weights_unknown", message, remedy=f"kresnet weights list; of a private one, {token}")
    if isinstance(error, errors.HFValidationError):
        return make_error("weights_unknown", f"{repository} is no repository's name.", expected="OWNER/REPO@REVISION")
    if status in (401, 403):
        message = f"{where} refuses {name} of {repository} (status {status})."
        return make_error("weights_access", message, remedy=token)
    return unreachable_error(str(repository), f"{where}/{repository.id}", _reason(cause, status))


def _reason(cause: Any, status: int | None) -> str:
    """Return in words why there is no answer."""
    from huggingface_hub import constants, errors

    if constants.HF_HUB_OFFLINE or isinstance(cause, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, and the cache does not have it"
    if status == 429:
        return "it asks to wait, since too many requests came (status 429)"
    if status:
        return f"it answers with status {status}"
    if isinstance(cause, errors.FileMetadataError):
        return "what answers there is no hub"
    if isinstance(cause, OSError) and "Consistency check" in str(cause):
        return "the file came with another length than announced"
    if "Timeout" in type(cause).__name__:
        return "it does not answer in time"
    if "Protocol" in type(cause).__name__ or "Read" in type(cause).__name__:
        return "the connection was cut, again and again"
    return "there is no connection"


def unreachable_error(name: str, tried: str, reason: str) -> KresnetError:
    """Return the error that weights could not be fetched: what was tried, and the two ways on.

    Args:
        name: name of the weights, as the user may write it.
        tried: the address.
        reason: why nothing came.
    """
    return make_error(
        "weights_unreachable",
        f"{name} is neither in the cache nor to be had: {reason}.",
        found=f"tried {tried}",
        remedy=f"where there is a network: kresnet weights pull {shell_word(name)} -o start.keras, and copy start.* "
        "here; or a mirror that this machine reaches: HF_ENDPOINT=https://MIRROR",
    )


def _git_digest(path: Path) -> str:
    """Return the SHA-1 by which git knows a file."""
    found = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


__all__ = ["REPOSITORY", "HubFile", "HubRepository", "endpoint", "unreachable_error"]
