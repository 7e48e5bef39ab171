"""What messages between scopes cost: ``python -m benchmarks.messages``.

Round trips: processes that each ask one other process, one request after the other.
Back-pressure: a process that sends as quickly as it can to one that takes a message each
few milliseconds; printed is how many messages there ever were at once, and the size of
the database at its largest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

from guild_plugins.coordination.mail import CAPACITY, Mail
from guild_plugins.report.tables import render_table

SERVER = "server"


def serve(folder: Path, count: int) -> None:
    """Answer so many requests."""
    mail = Mail(folder, SERVER)
    for _ in range(count):
        request = mail.receive(patience=120)
        if request is None or not mail.answer(request.id, request.body):
            raise SystemExit("a request or its answer was lost")


def ask(folder: Path, scope: str, count: int) -> None:
    """Ask so often, and print the milliseconds that each took."""
    mail = Mail(folder, scope)
    for number in range(count):
        begin, body = time.perf_counter(), f"{scope}-{number}".encode()
        if mail.ask(SERVER, body, patience=120) != body:
            raise SystemExit("an answer was not its request's")
        print(1000 * (time.perf_counter() - begin))


def flood(folder: Path, count: int) -> None:
    """Send so many messages as quickly as they are taken."""
    mail = Mail(folder, "producer")
    for _ in range(count):
        mail.send("consumer", b"x" * 10_000, patience=120)


def start(*words: str) -> subprocess.Popen[str]:
    """Start this module in a process of its own."""
    command = (sys.executable, "-m", "benchmarks.messages", *words)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def round_trips(folder: Path, askers: int, count: int) -> tuple[str, ...]:
    """Measure, and return a line of the table."""
    each = count // askers
    server = start("serve", str(folder), str(each * askers))
    processes = [start("ask", str(folder), str(each), f"s{n}") for n in range(askers)]
    times = [float(line) for each in processes for line in each.communicate()[0].splitlines()]
    lost = each * askers - len(times) + bool(server.wait())
    p95 = quantiles(times, n=20)[-1]
    return (
        f"{askers}", f"{len(times)}", f"{lost}", f"{median(times):.1f} ms", f"{p95:.1f} ms",
        f"{max(times):.0f} ms",
    )  # fmt: skip


def back_pressure(folder: Path, count: int) -> str:
    """Let a slow consumer take what a quick producer sends; say what that came to."""
    producer, mail, most, size = (
        start("flood", str(folder), str(count)),
        Mail(folder, "consumer"),
        0,
        0,
    )
    for _ in range(count):
        if mail.receive(patience=120) is None:
            raise SystemExit("a message was lost")
        time.sleep(0.002)
        most = max(most, sum(mail.waiting().values()))
        size = max(size, sum(f.stat().st_size for f in folder.glob("mail.db*")))
    producer.wait()
    sent, kept = count * 10_000 / 1e6, size / 1e6
    bound = f"at most {most} at once (bound {CAPACITY}), {kept:.1f} MB on disk"
    return f"{count} messages, {sent:.0f} MB: {bound}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.messages")
    parser.add_argument("part", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=1000)
    args = parser.parse_args(argv)
    if args.part:
        name, folder, count, *scope = args.part
        {"serve": serve, "ask": lambda *a: ask(a[0], scope[0], a[1]), "flood": flood}[name](
            Path(folder), int(count)
        )
        return 0
    with tempfile.TemporaryDirectory(prefix="guild-benchmark-") as name:
        rows = [round_trips(Path(name) / str(n), n, args.count) for n in (1, 4)]
        head = ("askers", "round trips", "lost", "median", "p95", "longest")
        print(render_table(head, rows))
        print(f"\n{back_pressure(Path(name) / 'flood', args.count)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
