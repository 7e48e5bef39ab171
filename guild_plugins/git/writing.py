"""Writing commits, as git would write them: author, encoding and signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from guild_plugins.git.process import GitFailed, run_git
from guild_plugins.git.refs import DURABLE


def write_commit(
    top: Path,
    tree: str,
    parents: Sequence[str],
    message: bytes,
    *,
    signing: Sequence[str] = (),
    who: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> str:
    """Write a commit and return its name; no reference is moved.

    :param signing: What `signing_options` returned.
    :param who: ``GIT_AUTHOR_*`` and ``GIT_COMMITTER_*``, where they are not the user's own.
    :param encoding: Of the message; ``None`` for what is configured.
    :raises GitFailed: Git does not know who the author is, or could not sign.
    """
    ancestors = [word for parent in parents for word in ("-p", parent)]
    said = ["-c", f"i18n.commitEncoding={encoding}"] if encoding else []
    done = run_git(
        [*said, "commit-tree", *signing, *ancestors, "-F", "-", tree],
        top,
        input=message,
        extra_env={**DURABLE, **(who or {})},
    )
    return done.decode().strip()


def signing_options(top: Path, wanted: str | bool | None) -> list[str]:
    """Return the options that make ``commit-tree`` sign as ``git commit`` would.

    ``commit-tree`` does not look at ``commit.gpgSign`` itself.

    :param wanted: A key, or whether to sign at all; ``None`` for what is configured.
    """
    if isinstance(wanted, str):
        return [f"-S{wanted}"]
    if wanted is None:
        wanted = read_config(top, "commit.gpgSign", "--type=bool") == "true"
    return ["-S"] if wanted else []


def read_config(top: Path, key: str, *options: str) -> str | None:
    """Return what is configured for a key; ``None`` where nothing is."""
    try:
        value = run_git(["config", *options, "--get", key], top)
    except GitFailed as error:
        if error.code == 1:
            return None
        raise
    return value.decode("utf-8", "surrogateescape").removesuffix("\n")


def clean_message(top: Path, text: bytes, *, comments: bool = False) -> bytes:
    """Return a message without needless blanks, and without comments where it had them."""
    return run_git(["stripspace", *(["--strip-comments"] if comments else [])], top, input=text)


def with_trailers(
    top: Path, message: bytes, trailers: Sequence[tuple[str, str]], *, replace: bool = False
) -> bytes:
    """Add trailers to a message, each once.

    :param replace: In the place of what the message says of the same things.
    """
    words = [f"--trailer={key}: {value}" for key, value in trailers]
    if_exists = "replace" if replace else "addIfDifferent"
    options = ["--no-divider", f"--if-exists={if_exists}", "--if-missing=add"]
    return run_git(["interpret-trailers", *options, *words], top, input=message)
