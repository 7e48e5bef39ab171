"""``guild recv``: take a message that another scope sent."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from guild_plugins.commands.mailing import mail_of, who_argument
from guild_plugins.commands.times import duration
from guild_plugins.coordination.mail import Mail, Message
from guild_plugins.errors import Exit


def run(directory: Path, args: argparse.Namespace) -> int:
    """Take a message that was sent to this scope, and print it

    The one with the highest priority, of equal ones the oldest. Exit code 1 where there
    is none; --wait waits for one, --wait TIME so long. With --json: {"id": number,
    "sender", "kind": "message" or "request", "topic", "priority", "at", "body": text};
    the id of a request is what guild send --reply answers. --stream NAME prints a stream
    line by line, until its end.
    """
    mail = mail_of(directory, args.scope)
    if args.subscribe is not None:
        mail.subscribe(args.subscribe)
        return Exit.DONE
    patience = 0.0 if args.wait is False else args.wait
    if args.stream is not None:
        return _stream(mail, args.stream, args.sender, patience)
    message = mail.receive(sender=args.sender, topic=args.topic, patience=patience)
    if message is None:
        return Exit.NO
    if args.json:
        print(_as_json(message))
    else:
        _write(message.body)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument(
        "--wait", nargs="?", type=duration, const=None, default=False, metavar="TIME",
        help="until there is one, or so long",
    )  # fmt: skip
    parser.add_argument("--from", dest="sender", metavar="SCOPE", help="only what it sent")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--topic", metavar="NAME", help="only what was published there")
    what.add_argument("--stream", metavar="NAME", help="all parts of a stream")
    what.add_argument("--subscribe", metavar="NAME", help="get what is published there from now on")
    parser.add_argument("--json", action="store_true", help="print all that is known of it")
    who_argument(parser)


def _stream(mail: Mail, name: str, sender: str | None, patience: float | None) -> int:
    for part in mail.stream(name, sender=sender, patience=patience):
        _write(part)
    return Exit.DONE


def _write(body: bytes) -> None:
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.buffer.flush()


def _as_json(message: Message) -> str:
    data = message._asdict()
    data.pop("receiver")
    return json.dumps({**data, "body": os.fsdecode(message.body)})
