"""``guild ask``: a request to another scope, and its answer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guild_plugins.commands.mailing import body_of, mail_of, wait_argument, who_argument
from guild_plugins.errors import Exit


def run(directory: Path, args: argparse.Namespace) -> int:
    """Ask another scope of the run something, and print its answer

    The other one takes the request with guild recv --json and answers with guild send
    --reply. Where no answer came in time, the request is withdrawn, and the code is 4.
    """
    mail = mail_of(directory, args.scope)
    body = body_of(args.text)
    answer = mail.ask(args.receiver, body, patience=args.wait, priority=args.priority)
    sys.stdout.buffer.write(answer + b"\n")
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("receiver", metavar="SCOPE", help="whom to ask")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="(default: the standard input)")
    parser.add_argument(
        "--priority", type=int, default=0, metavar="N", help="what has more is taken first"
    )
    wait_argument(parser, "how long to wait for the answer")
    who_argument(parser)
