"""The scripts that are put in the place of a repository's hooks. Pure."""

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
command -v "$guild" >/dev/null 2>&1 && "$guild" hook {name} -- "$@"
exit 0
"""


def shim(name: str, guild: str = "guild") -> str:
    """Return the script for a hook.

    :param guild: The program; where it is gone, the one on the user's path.
    """
    head = _HEAD.format(guild=shlex.quote(guild), name=name, before=BEFORE)
    if name == "pre-push":
        return head + _PUSH.format(name=name, missing=_MISSING)
    if name.startswith("post-"):
        return head + _AFTER.format(name=name)
    calls = f'"$guild" hook {name} -- "$@" || exit $?\n'
    if name in ("pre-commit", "pre-merge-commit"):
        calls += 'found=$("$guild" check --staged) || { printf "%s\\n" "$found" >&2; exit 1; }\n'
    return head + _GATE.format(missing=_MISSING, calls=calls)
