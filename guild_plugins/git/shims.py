"""The scripts that are put in the place of a repository's hooks. Pure.

Where a line of shell can tell that there is nothing to do, no Python is started.
"""

from __future__ import annotations

import shlex
from typing import Final

HOOKS: Final = (
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-checkout",
    "post-commit",
    "pre-push",
)

MARK: Final = b"# guild install: "
"""How to tell a script of ours."""

BEFORE: Final = ".before-guild"
"""What the name of a hook that was there before ends with."""

_HEAD = """\
#!/bin/sh
# guild install: what was here before comes first; guild uninstall puts it back.
guild={guild}
[ -x "$guild" ] || guild=guild
before=$(dirname -- "$0")/{name}{before}
"""

_CONFIGURED = """\
#!/bin/sh
# guild install: git's configuration names this (hook.guild-{name}).
guild={guild}
[ -x "$guild" ] || guild=guild
before=
"""

_MISSING = """\
command -v "$guild" >/dev/null 2>&1 || {
    echo "guild: not found; install it (guild-plugins), or remove $0" >&2
    exit 1
}
"""

_GATE = """\
if [ -x "$before" ]; then
    "$before" "$@" || exit $?
fi
{missing}{calls}"""

_PUSH = """\
refs=$(cat; echo .)
refs=${{refs%.}}
if [ -x "$before" ]; then
    printf '%s' "$refs" | "$before" "$@" || exit $?
fi
{missing}printf '%s' "$refs" | "$guild" hook {name} -- "$@"
"""

_AFTER = """\
if [ -x "$before" ]; then
    "$before" "$@"
fi
{unless}command -v "$guild" >/dev/null 2>&1 && "$guild" hook {name} -- "$@"
exit 0
"""


_UNLESS: Final = {
    "post-checkout": "grep -qs branch guild.toml pyproject.toml || exit 0\n",
    "post-commit": '[ -e "$(git rev-parse --git-common-dir)/guild/guild.db" ] || exit 0\n',
}

_ON_A_SCOPES_BRANCH: Final = """\
branch=$(git symbolic-ref -q HEAD)
case $branch in refs/heads/guild/*/*) ;; *) exit 0 ;; esac
"""

_NOT_THERE_YET: Final = """\
branch=${branch#refs/heads/guild/}
case "
$(git interpret-trailers --parse "$1")
" in *"
Scope: ${branch#*/}
Task: ${branch%/*}
"*) exit 0 ;; esac
"""


def shim(name: str, guild: str = "guild", *, is_configured: bool = False) -> str:
    """Return the script for a hook.

    :param guild: The program; where it is gone, the one on the user's path.
    :param is_configured: Git's configuration names it, so that it stands in for no other.
    """
    form = _CONFIGURED if is_configured else _HEAD
    head = form.format(guild=shlex.quote(guild), name=name, before=BEFORE)
    if name == "pre-push":
        return head + _PUSH.format(name=name, missing=_MISSING)
    if name.startswith("post-"):
        return head + _AFTER.format(name=name, unless=_UNLESS[name])
    if name in ("pre-commit", "pre-merge-commit"):
        missing, calls = _MISSING, f'exec "$guild" hook --rules {name} -- "$@"\n'
    else:
        unless = _ON_A_SCOPES_BRANCH + (_NOT_THERE_YET if name == "commit-msg" else "")
        missing, calls = unless + _MISSING, f'exec "$guild" hook {name} -- "$@"\n'
    return head + _GATE.format(missing=missing, calls=calls)
