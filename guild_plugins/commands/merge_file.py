"""``guild merge-file``: like git's, with structure."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from guild_plugins.delivery.files import merge_files
from guild_plugins.merge.render import Labels, Style
from guild_plugins.report.merges import render_region


def run(directory: Path, args: argparse.Namespace) -> int:
    """Merge three files by lines and structure, like git merge-file

    The result replaces CURRENT, or is printed with -p. The exit code is the
    number of places left open, at most 127.
    """
    labels = [os.fsencode(label) for label in args.labels or (args.current, args.base, args.other)]
    names = dict(zip(("ours", "base", "theirs"), labels, strict=False))
    style = Style(args.style, args.marker_size, Labels(**names))
    current, base, other = (directory / name for name in (args.current, args.base, args.other))
    result = merge_files(current, base, other, style, args.path or args.current)
    if args.explain:
        print("\n".join(map(render_region, result.regions)), file=sys.stderr)
    if args.stdout:
        sys.stdout.buffer.write(result.text)
    else:
        current.write_bytes(result.text)
    return 0 if result.is_clean else min(127, sum(r.is_open for r in result.regions) or 1)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("-p", "--stdout", action="store_true", help="print the result instead")
    parser.add_argument("-L", dest="labels", action="append", metavar="LABEL", help="up to three")
    parser.add_argument("--marker-size", type=int, default=7, metavar="N")
    parser.add_argument("--path", help="tells the kind of the files, if CURRENT does not")
    parser.add_argument("--explain", action="store_true", help="say what was done and why")
    for style in ("diff3", "zdiff3"):
        parser.add_argument(
            f"--{style}", dest="style", action="store_const", const=style, default="merge"
        )
    for name in ("current", "base", "other"):
        parser.add_argument(name, metavar=name.upper())
