"""``guild send``: a message from one scope to another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guild_plugins.commands.mailing import body_of, mail_of, wait_argument, who_argument
from guild_plugins.coordination.mail_errors import ReceiverUnsaid
from guild_plugins.errors import Exit


def run(directory: Path, args: argparse.Namespace) -> int:
    """Send a message to another scope of the run

    The receiver takes it with guild recv. Without TEXT it is read from the standard
    input. A channel holds 64 messages that were not taken; where it is full, this waits
    until there is room, and ends with code 4 where there was none. --topic sends a copy
    to every scope that subscribed (guild recv --subscribe); --reply answers a request of
    guild ask, by the number that guild recv --json tells; --stream sends each line of
    the standard input as a part, and then the end.
    """
    mail = mail_of(directory, args.scope)
    words = list(args.words)
    if args.reply is not None:
        is_heard = mail.answer(args.reply, body_of(words))
        if not is_heard:
            print("guild: nobody waits for that answer any more", file=sys.stderr)
        return Exit.DONE if is_heard else Exit.NO
    if args.topic is not None:
        print(mail.publish(args.topic, body_of(words), patience=args.wait))
        return Exit.DONE
    if not words:
        raise ReceiverUnsaid
    receiver = words.pop(0)
    if args.stream is None:
        mail.send(receiver, body_of(words), priority=args.priority, patience=args.wait)
        return Exit.DONE
    for line in sys.stdin.buffer:
        mail.send_part(receiver, args.stream, line.rstrip(b"\n"), patience=args.wait)
    mail.end_stream(receiver, args.stream, patience=args.wait)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument(
        "words", nargs="*", metavar="SCOPE TEXT", help="who gets what (default: the standard input)"
    )
    parser.add_argument(
        "--priority", type=int, default=0, metavar="N", help="what has more is taken first"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--topic", metavar="NAME", help="to all that subscribed: --topic NAME TEXT")
    kind.add_argument("--reply", type=int, metavar="N", help="answer a request: --reply N TEXT")
    kind.add_argument("--stream", metavar="NAME", help="send line by line")
    wait_argument(parser, "how long to wait for room")
    who_argument(parser)
