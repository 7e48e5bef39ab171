"""A process that reads the imports of blobs, for `facts` to start several of.

``python -P -m guild_plugins.graph.filling TOP``: ids come in on stdin, one a line;
each is answered with a line of the id, a blank and its imports as JSON.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from guild_plugins.git.objects import GitObjects
from guild_plugins.graph.facts import encode
from guild_plugins.graph.reading import read_imports


def main() -> None:
    """Answer all of stdin."""
    gc.disable()  # what is made here is let go of by counting
    objects = GitObjects(Path(sys.argv[1]))
    for oid, content in objects.read(sys.stdin.read().split()):
        sys.stdout.write(f"{oid} {encode(read_imports(content))}\n")
    sys.stdout.flush()
    objects.close()


if __name__ == "__main__":
    main()
