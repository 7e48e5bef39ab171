from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from guild_plugins.git.copies import write_copy
from guild_plugins.git.trees import LINK, SUBMODULE, Entry, hash_blob


class Hostile:
    """A tree as no git would write it."""

    def __init__(self, files: list[tuple[str, int, bytes]]) -> None:
        self.entries = {p: Entry(mode, hash_blob(content)) for p, mode, content in files}
        self._contents = {hash_blob(content): content for _, _, content in files}

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        return ((oid, self._contents[oid]) for oid in oids if oid in self._contents)


def test_files_links_and_modes_are_as_in_the_tree(tmp_path: Path) -> None:
    strange = os.fsdecode(b"d/\xff\n-x")
    tree = Hostile(
        [
            (strange, 0o100644, b"1"),
            ("d/run", 0o100755, b"2"),
            ("link", LINK, b"d/run"),
            ("sub", SUBMODULE, b"3"),
        ]
    )

    write_copy(tree, str(tmp_path))

    assert (tmp_path / strange).read_bytes() == b"1"
    assert os.access(tmp_path / "d/run", os.X_OK)
    assert (tmp_path / "link").readlink() == Path("d/run")
    assert not (tmp_path / "sub").exists()


def test_nothing_is_written_outside_of_the_directory(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    bad = ["../a", "/b", "c/../../d", ".git/hooks/e", "x/.GIT/config", ".", "f/" + "g" * 300]
    tree = Hostile(
        [
            *((path, 0o100644, b"x") for path in bad),
            ("out", LINK, b".."),
            ("out/h", 0o100644, b"x"),
            ("link", LINK, b"/"),
            ("link/tmp/i", 0o100644, b"x"),
        ]
    )

    write_copy(tree, str(folder))

    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"out/h", "link/tmp/i"}
