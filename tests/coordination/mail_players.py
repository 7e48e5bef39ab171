"""Processes that tests of messages talk to: ``python -m tests.coordination.mail_players``."""

from __future__ import annotations

import sys
from pathlib import Path

from guild_plugins.coordination.mail import Mail


def main(folder: str, scope: str, count: str) -> None:
    """Answer so many requests, each with its own words turned round."""
    mail = Mail(Path(folder), scope)
    for _ in range(int(count)):
        request = mail.receive(patience=60)
        assert request is not None
        assert mail.answer(request.id, request.body[::-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
