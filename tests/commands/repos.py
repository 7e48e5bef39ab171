"""Repositories for tests of commands."""

from __future__ import annotations

import sys

from tests.git.user import ENVIRONMENT, git, isolate, make_repository

__all__ = ["ENVIRONMENT", "GUILD", "git", "isolate", "make_repository"]

GUILD = (sys.executable, "-c", "from guild_plugins.cli import main; raise SystemExit(main())")
