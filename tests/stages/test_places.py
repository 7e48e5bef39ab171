from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from guild_plugins.stages.places import may_have_plugins, trusted_places


def distribution(folder: Path, points: str, kind: str = "dist-info") -> None:
    (folder / f"x-1.{kind}").mkdir(parents=True)
    (folder / f"x-1.{kind}" / "entry_points.txt").write_text(points)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ("[guild]\nx = x\n", True),
        ("[console_scripts]\nguild = x\n\n[ guild ]\nx=x", True),
        ("[guild.more]\nx = x\n", False),
        ("[console_scripts]\nguild = [guild]\n", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_only_the_entry_points_of_the_group_count(
    tmp_path: Path, points: str, expected: bool, kind: str
) -> None:
    distribution(tmp_path, points, kind)

    assert may_have_plugins("guild", [str(tmp_path)]) is expected


def test_what_cannot_be_looked_into_may_have_some(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w"):
        pass
    (tmp_path / "eggs" / "x.egg").mkdir(parents=True)

    assert may_have_plugins("guild", [str(tmp_path / "x.zip")])
    assert may_have_plugins("guild", [str(tmp_path / "eggs")])
    assert not may_have_plugins("guild", [str(tmp_path / "nowhere")])


def test_the_current_directory_and_the_clone_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, other, own = tmp_path / "clone", tmp_path / "other", tmp_path / "clone/.venv/site"
    for folder in (clone / "src", other, own):
        folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(clone)
    monkeypatch.chdir(other)
    monkeypatch.setattr("site.getsitepackages", lambda: [str(own)])
    path = ["", str(other), str(tmp_path / "link/src"), str(own), str(tmp_path)]

    assert trusted_places(clone, path) == [str(own), str(tmp_path)]
    assert trusted_places(None, path) == [str(tmp_path / "link/src"), str(own), str(tmp_path)]
