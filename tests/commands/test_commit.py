from __future__ import annotations

import json
import os
import random
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.coordination.errors import StateNotWritten
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery import operation
from guild_plugins.errors import Exit
from guild_plugins.git.process import DiskRefused
from guild_plugins.stages.events import ReferenceMoved
from tests.commands.repos import GUILD, git, isolate, make_repository

CONFIG = """
[scopes.core]
paths = ["core"]
[scopes.web]
paths = ["web"]
depends_on = ["core"]
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    write(folder, "guild.toml", CONFIG)
    for name in ("core/a.py", "core/b.py", "web/a.py", "README"):
        write(folder, name, f"{name}\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def write(folder: Path, name: str, text: str | bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def stage_three(folder: Path) -> None:
    for name in ("core/a.py", "web/a.py", "README"):
        write(folder, name, "changed\n")
    git(folder, "add", "-A")


def log(folder: Path, form: str = "%s") -> list[str]:
    return git(folder, "log", "--reverse", f"--format={form}").decode().split("\n")


def state(folder: Path) -> tuple[bytes, ...]:
    """Return all that a refusal must leave as it was."""
    return (
        git(folder, "for-each-ref"),
        git(folder, "status", "--porcelain=v2", "-z"),
        git(folder, "ls-files", "--stage", "--debug", "-z"),
        git(folder, "stash", "list"),
        (folder / ".git/index").read_bytes(),
        b"".join(sorted(p.read_bytes() for p in folder.glob("*/*.py"))),
    )


def assert_clean(folder: Path) -> None:
    assert git(folder, "status", "--porcelain") == b""
    git(folder, "fsck", "--strict")
    assert not list((folder / ".git").rglob("*.lock"))
    assert os.listdir(folder / ".git/guild/work") == []  # noqa: PTH208
    assert os.listdir(folder / ".git/guild/holders") == []  # noqa: PTH208


def test_each_scope_has_its_commit_in_order_with_its_trailer(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_three(repo)
    staged = git(repo, "write-tree")

    code = cli.main(["commit", "-m", "Change all", "-m", "For a reason.", "--task", "t1"])

    assert code == Exit.DONE
    assert log(repo) == ["first", "Change all", "Change all", "Change all"]
    assert log(repo, "%(trailers:key=Scope,valueonly,separator=)")[1:] == ["root", "core", "web"]
    assert git(repo, "show", "-s", "--format=%B").decode() == (
        "Change all\n\nFor a reason.\n\nScope: web\nTask: t1\n"
    )
    assert git(repo, "rev-parse", "HEAD^{tree}") == staged
    assert git(repo, "diff", "--name-only", "HEAD~2", "HEAD~1") == b"core/a.py"
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "root",
        "core",
        "web",
    ]
    assert_clean(repo)


def test_each_scope_may_have_its_own_message(repo: Path) -> None:
    stage_three(repo)

    cli.main(["commit", "-m", "Rest", "-M", "core=Core", "-M", "web=Web\n\nScope: web"])

    assert log(repo)[1:] == ["Rest", "Core", "Web"]
    assert git(repo, "show", "-s", "--format=%B").decode() == "Web\n\nScope: web\n"


def test_one_move_is_in_the_reflog_and_in_the_journal(repo: Path) -> None:
    stage_three(repo)
    old = git(repo, "rev-parse", "HEAD").decode()

    cli.main(["commit", "-m", "Change"])

    assert git(repo, "reflog", "--format=%gs").decode().split("\n")[0] == "commit: Change"
    assert len(git(repo, "reflog").splitlines()) == 2
    (event,) = (
        line.event for line in Journal(place_in(repo / ".git")).lines(types=["ReferenceMoved"])
    )
    assert isinstance(event, ReferenceMoved)
    new = git(repo, "rev-parse", "HEAD").decode()
    assert (event.reference, event.old, event.new) == ("refs/heads/main", old, new)


def test_what_is_not_staged_is_left_alone(repo: Path) -> None:
    write(repo, "core/a.py", "staged\n")
    git(repo, "add", "core/a.py")
    write(repo, "core/a.py", "staged\nand more\n")
    write(repo, "untracked", "x")

    cli.main(["commit", "-m", "Change"])

    assert git(repo, "show", "HEAD:core/a.py") == b"staged"
    assert git(repo, "status", "--porcelain") == b" M core/a.py\n?? untracked"


def test_nothing_staged_is_a_no(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.NO

    assert "nothing-staged" in capsys.readouterr().err
    assert state(repo) == before


def test_all_stages_what_is_tracked(repo: Path) -> None:
    write(repo, "core/a.py", "changed\n")
    (repo / "web/a.py").unlink()
    write(repo, "untracked", "x")

    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.DONE

    assert git(repo, "show", "--format=", "--name-status", "HEAD", "HEAD~1") == (
        b"D\tweb/a.py\nM\tcore/a.py"
    )
    assert git(repo, "status", "--porcelain") == b"?? untracked"


def test_a_change_that_does_not_look_like_one_is_staged(repo: Path) -> None:
    git(repo, "config", "core.trustctime", "false")
    git(repo, "config", "core.checkStat", "minimal")
    path, index = repo / "README", repo / ".git/index"
    os.utime(path, (1e9, 1e9))
    git(repo, "update-index", "--refresh")
    os.utime(index, (1e9, 1e9))
    path.write_text("CHANGED")  # as many bytes as before, and at the same time
    os.utime(path, (1e9, 1e9))

    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.DONE

    assert git(repo, "show", "HEAD:README") == b"CHANGED"


def test_a_move_that_could_not_be_noted_is_noted_by_the_next_command(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_three(repo)
    before = git(repo, "rev-parse", "HEAD")

    def refuse(*_: object) -> None:
        raise StateNotWritten("guild.db", "disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(operation, "moved", refuse)
        assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    assert cli.main(["undo"]) == Exit.DONE
    assert git(repo, "rev-parse", "HEAD") == before
    assert cli.main(["doctor"]) == Exit.DONE


@pytest.mark.parametrize("stops", [False, True])
def test_an_end_that_could_not_be_noted_is_noted_by_the_next_command(
    repo: Path, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    stage_three(repo)

    def refuse(*_: object, **__: object) -> None:
        raise KeyboardInterrupt if stops else DiskRefused(("update-ref",), 128, "No space left")

    with monkeypatch.context() as patch:
        patch.setattr(operation, "move_ref", refuse)
        patch.setattr(operation, "OperationAbandoned", refuse)
        with suppress(KeyboardInterrupt):
            assert cli.main(["commit", "-m", "x"]) in (Exit.RECOVERY, Exit.INTERRUPTED)

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE
    assert cli.main(["doctor"]) == Exit.DONE
    assert_clean(repo)


def test_a_first_commit_begins_the_branch(
    tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = make_repository(tmp_path / "fresh")
    monkeypatch.chdir(fresh)
    write(fresh, "guild.toml", CONFIG)
    write(fresh, "core/a.py", "x")
    git(fresh, "add", "-A")

    assert cli.main(["commit", "-m", "Begin"]) == Exit.DONE

    assert log(fresh) == ["Begin", "Begin"]
    assert git(fresh, "reflog", "--format=%gs") == b"commit (initial): Begin"
    assert_clean(fresh)


def test_a_detached_head_moves(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    stage_three(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    assert git(repo, "rev-list", "--count", "main..HEAD") == b"3"
    assert git(repo, "rev-parse", "--symbolic-full-name", "HEAD") == b"HEAD"


def test_a_linked_worktree_commits_on_its_own_branch(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repo, "worktree", "add", "-q", "-b", "guild/t/core", "../linked")
    linked = repo.parent / "linked"
    monkeypatch.chdir(linked)
    write(linked, "core/a.py", "changed\n")
    git(linked, "add", "-A")

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    assert git(linked, "show", "-s", "--format=%B") == b"x\n\nScope: core\nTask: t\n"
    assert git(repo, "rev-list", "--count", "main") == b"1"
    assert git(linked, "status", "--porcelain") == b""


def test_a_scopes_branch_takes_no_other_scopes_changes(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repo, "checkout", "-q", "-b", "guild/t/core")
    stage_three(repo)
    before = state(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.NO

    err = capsys.readouterr().err
    assert "web: 'web/a.py': owned by web, and this branch is for core" in err
    assert state(repo) == before


def test_partial_commits_what_passes_and_leaves_the_rest_staged(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repo, "checkout", "-q", "-b", "guild/t/core")
    stage_three(repo)
    index = (repo / ".git/index").read_bytes()

    code = cli.main(["commit", "--partial", "-m", "x", "--json"])

    report = json.loads(capsys.readouterr().out)
    assert code == Exit.NO
    assert [one["scope"] for one in report["commits"]] == ["core"]
    assert [scope for scope, _ in report["refused"]] == ["root", "web"]
    assert (repo / ".git/index").read_bytes() == index
    assert git(repo, "diff", "--cached", "--name-only") == b"README\nweb/a.py"


def test_the_hook_of_a_partial_commit_sees_what_is_committed_and_may_add_to_it(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "guild/t/core")
    stage_three(repo)
    index = (repo / ".git/index").read_bytes()
    hook = repo / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\ngit diff --cached --name-only >seen\n"
        "echo formatted >core/a.py && git add core/a.py\n"
    )
    hook.chmod(0o755)

    assert cli.main(["commit", "--partial", "-m", "x"]) == Exit.NO

    assert (repo / "seen").read_text() == "core/a.py\n"
    assert git(repo, "show", "HEAD:core/a.py") == b"formatted"
    assert git(repo, "diff", "--name-only", "HEAD~1", "HEAD") == b"core/a.py"
    assert (repo / ".git/index").read_bytes() == index


def test_what_somebody_else_has_a_lease_on_is_refused(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_three(repo)
    cli.main(["lock", "--as", "bob", "web/*.py"])
    before = state(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.NO

    assert "web: bob has a lease on web/*.py (write)" in capsys.readouterr().err
    assert state(repo) == before
    assert cli.main(["unlock", "--as", "bob", "--all"]) == Exit.DONE
    assert cli.main(["commit", "-m", "x"]) == Exit.DONE


def test_the_holder_of_a_lease_commits_under_it(repo: Path) -> None:
    stage_three(repo)

    assert cli.main(["lock", ".", "--", *GUILD, "commit", "-m", "x"]) == Exit.DONE
    assert len(log(repo)) == 4


def test_a_holder_that_was_paused_past_its_lease_cannot_commit(
    repo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stage_three(repo)
    before = state(repo)
    late = ["sh", "-c", 'sleep 0.4; exec "$@"', "sh", *GUILD, "commit", "-m", "x"]

    code = cli.main(["lock", ".", "--ttl", "0.2", "--", *late])

    assert code == Exit.CONTENDED
    assert "lease-gone" in capfd.readouterr().err
    assert state(repo) == before


def test_a_name_whose_lease_was_taken_over_cannot_commit_until_it_has_it_again(
    repo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUILD_HOLDER", "alice")
    cli.main(["lock", "web", "--ttl", "0.1"])
    cli.main(["lock", "web", "--as", "bob", "--timeout", "9"])
    cli.main(["unlock", "web", "--as", "bob"])
    stage_three(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.CONTENDED
    assert "bob had it since" in capsys.readouterr().err
    cli.main(["lock", "web"])
    assert cli.main(["commit", "-m", "x"]) == Exit.DONE


@pytest.mark.parametrize("kind", ["merge", "cherry-pick", "rebase", "bisect"])
def test_what_git_is_in_the_middle_of_is_left_to_git(
    repo: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repo, "checkout", "-q", "-b", "side")
    write(repo, "core/a.py", "side\n")
    git(repo, "commit", "-qam", "side")
    git(repo, "checkout", "-q", "main")
    write(repo, "core/a.py", "main\n")
    git(repo, "commit", "-qam", "main")
    if kind == "bisect":
        git(repo, "bisect", "start")
    else:
        subprocess.run(["git", kind, "side"], cwd=repo, capture_output=True, check=False)
        write(repo, "core/a.py", "both\n")
        git(repo, "add", "core/a.py")
    before = state(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.UNSUPPORTED

    assert "in-progress" in capsys.readouterr().err
    assert state(repo) == before


def test_conflicts_in_the_index_are_refused(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blob = git(repo, "rev-parse", "HEAD:README").decode()
    lines = "".join(f"100644 {blob} {stage}\tcore/a.py\n" for stage in (1, 2, 3))
    git(repo, "update-index", "--index-info", input=f"0 {'0' * 40}\tcore/a.py\n{lines}".encode())

    assert cli.main(["commit", "-m", "x"]) == Exit.UNSUPPORTED

    assert "index-conflicts" in capsys.readouterr().err


def test_what_is_only_intended_stays_intended(repo: Path) -> None:
    write(repo, "web/new.py", "x")
    git(repo, "add", "-N", "web/new.py")
    write(repo, "core/a.py", "changed\n")
    git(repo, "add", "core/a.py")

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    assert git(repo, "show", "--format=", "--name-only") == b"core/a.py"
    assert git(repo, "status", "--porcelain") == b" A web/new.py"


def test_odd_names_modes_links_and_bytes_survive(repo: Path) -> None:
    names = [
        b"core/a b",
        b"core/-dash",
        b"web/new\nline",
        b'web/quo"te\t',
        b"web/\xff\xfe",
        b"core/:(top)x",
    ]
    for name in names:
        (repo / os.fsdecode(name)).write_bytes(b"a\r\nb\0")
    (repo / "web/link").symlink_to("../nowhere")
    (repo / "core/b.py").chmod(0o755)
    git(repo, "add", "-A")
    staged = git(repo, "write-tree")

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    assert git(repo, "rev-parse", "HEAD^{tree}") == staged
    assert_clean(repo)


def test_attributes_and_filters_are_those_of_git(repo: Path) -> None:
    write(repo, ".gitattributes", "*.up filter=up\n*.crlf text eol=crlf\n")
    git(repo, "config", "filter.up.clean", "tr a-z A-Z")
    write(repo, "core/x.up", "loud\n")
    write(repo, "core/x.crlf", "a\r\n")
    git(repo, "add", "-A")
    write(repo, "core/x.up", "louder\n")

    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.DONE

    assert git(repo, "show", "HEAD:core/x.up") == b"LOUDER"
    assert git(repo, "cat-file", "-s", "HEAD:core/x.crlf") == b"2"


def test_files_and_folders_change_places_across_scopes(repo: Path) -> None:
    write(repo, "guild.toml", "[scopes.a]\npaths = ['x/*.a']\n[scopes.b]\npaths = ['x/y.a/**']\n")
    write(repo, "x/y.a", "file")
    git(repo, "add", "-A")
    assert cli.main(["commit", "-m", "one"]) == Exit.DONE
    (repo / "x/y.a").unlink()
    write(repo, "x/y.a/z", "folder")
    git(repo, "add", "-A")

    assert cli.main(["commit", "-m", "two"]) == Exit.DONE
    assert_clean(repo)


def test_submodules_are_committed_as_what_they_point_to(repo: Path) -> None:
    oid = git(repo, "rev-parse", "HEAD").decode()
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{oid},web/sub")
    write(repo, "core/a.py", "changed\n")
    git(repo, "add", "core/a.py")

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    assert git(repo, "ls-tree", "HEAD", "web/sub").split()[:3] == [
        b"160000",
        b"commit",
        oid.encode(),
    ]


def test_sparse_and_split_indexes_are_committed_from(repo: Path) -> None:
    git(repo, "config", "core.splitIndex", "true")
    git(repo, "sparse-checkout", "set", "--cone", "--sparse-index", "core")
    write(repo, "core/a.py", "changed\n")
    git(repo, "add", "core/a.py")
    staged = git(repo, "write-tree")

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    assert git(repo, "rev-parse", "HEAD^{tree}") == staged
    assert git(repo, "ls-tree", "-r", "--name-only", "HEAD", "web") == b"web/a.py"
    assert git(repo, "status", "--porcelain") == b""


def test_sha256_repositories_are_committed_to(
    tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = make_repository(tmp_path / "fresh", "--object-format=sha256")
    monkeypatch.chdir(fresh)
    write(fresh, "guild.toml", CONFIG)
    write(fresh, "core/a.py", "x")
    git(fresh, "add", "-A")
    cli.main(["commit", "-m", "one"])
    (fresh / "core/a.py").unlink()
    git(fresh, "add", "-A")

    assert cli.main(["commit", "-m", "two"]) == Exit.DONE
    assert_clean(fresh)


def hook(folder: Path, name: str, script: str) -> None:
    path = folder / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_hooks_of_others_run_as_with_git(repo: Path) -> None:
    hook(repo, "pre-commit", "echo made > core/made; git add core/made; echo pre >> .git/ran")
    hook(repo, "prepare-commit-msg", 'echo "prepare $2" >> .git/ran')
    hook(repo, "commit-msg", 'echo "Checked: yes" >> "$1"; echo msg >> .git/ran')
    hook(repo, "post-commit", "echo post >> .git/ran")
    stage_three(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE

    ran = (repo / ".git/ran").read_text().split("\n")[:-1]
    assert ran == ["pre", *["prepare message", "msg"] * 3, "post"]
    assert git(repo, "show", "HEAD:core/made") == b"made"
    assert log(repo, "%(trailers:key=Checked,valueonly,separator=)")[1:] == ["yes"] * 3
    assert_clean(repo)


@pytest.mark.parametrize("name", ["pre-commit", "prepare-commit-msg", "commit-msg"])
def test_a_hook_that_refuses_refuses_all(
    repo: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hook(repo, name, "exit 3")
    stage_three(repo)
    before = state(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.NO

    assert f"The {name} hook ended with 3" in capsys.readouterr().err
    assert state(repo) == before
    if name != "prepare-commit-msg":
        assert cli.main(["commit", "-m", "x", "--no-verify"]) == Exit.DONE


def test_a_hook_sees_the_index_that_all_will_commit(repo: Path) -> None:
    hook(repo, "pre-commit", "git diff --cached --name-only > .git/seen; exit 1")
    write(repo, "core/a.py", "changed\n")
    before = state(repo)

    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.NO

    assert (repo / ".git/seen").read_text() == "core/a.py\n"
    assert state(repo) == before


def test_a_branch_that_moved_meanwhile_refuses_all(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hook(repo, "commit-msg", "git update-ref refs/heads/main $(git commit-tree -m y HEAD^{tree})")
    write(repo, "core/a.py", "changed\n")

    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.CONTENDED

    assert "ref-moved" in capsys.readouterr().err
    assert git(repo, "diff", "--cached", "--name-only") == b""
    assert (repo / "core/a.py").read_text() == "changed\n"


def test_a_lock_of_git_on_the_branch_is_told(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_three(repo)
    (repo / ".git/refs/heads/main.lock").write_text("")

    assert cli.main(["commit", "-m", "x"]) == Exit.CONTENDED

    assert "ref-locked" in capsys.readouterr().err
    assert (repo / ".git/refs/heads/main.lock").exists()


def test_commits_are_signed_where_git_would_sign(repo: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"c@example.org {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("gpg.ssh.allowedSignersFile", str(signers)),
        ("commit.gpgSign", "true"),
    ):
        git(repo, "config", name, value)
    stage_three(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.DONE
    assert log(repo, "%G?")[1:] == ["G", "G", "G"]
    write(repo, "README", "again\n")
    git(repo, "config", "user.signingKey", str(tmp_path / "gone"))
    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.NO
    assert git(repo, "diff", "--cached", "--name-only") == b""


def test_author_date_and_encoding_are_kept(repo: Path) -> None:
    git(repo, "config", "i18n.commitEncoding", "ISO-8859-1")
    stage_three(repo)
    options = ["--author", "Zoë <z@example.org>", "--date", "2001-02-03T04:05:06+0100"]

    assert cli.main(["commit", "-m", "x", *options]) == Exit.DONE

    shown = git(repo, "show", "-s", "--format=%an %ae %aI %cn")
    assert shown.decode() == "Zoë z@example.org 2001-02-03T04:05:06+01:00 C"
    assert b"encoding ISO-8859-1" in git(repo, "cat-file", "commit", "HEAD")


def test_without_a_message_nothing_is_committed(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_three(repo)
    before = state(repo)

    assert cli.main(["commit", "-m", " \n"]) == Exit.USAGE
    assert cli.main(["commit", "-M", "core=x", "-M", "root=x"]) == Exit.USAGE

    assert "The commit of web has no message" in capsys.readouterr().err
    assert state(repo) == before


def test_variables_of_a_hook_of_another_repository_do_no_harm(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    write(repo, "core/a.py", "changed\n")

    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.DONE

    assert not (other / ".git/index").exists()
    monkeypatch.undo()
    assert git(repo, "rev-list", "--count", "HEAD") == b"2"


def test_many_commits_at_once_lose_nothing(repo: Path) -> None:
    trees = []
    for number in range(4):
        git(repo, "worktree", "add", "-q", "-b", f"b{number}", f"../w{number}")
        trees.append(repo.parent / f"w{number}")
    script = 'for i in 1 2 3; do echo $i >> core/a.py; echo $i >> README; "$@" || exit 1; done'
    command = ["sh", "-c", script, "sh", *GUILD, "commit", "--all", "-m", "x"]

    processes = [subprocess.Popen(command, cwd=tree, stdout=subprocess.DEVNULL) for tree in trees]

    assert [process.wait() for process in processes] == [0] * 4
    for tree in trees:
        assert git(tree, "rev-list", "--count", "HEAD") == b"7"
    assert_clean(repo)


def test_whatever_is_staged_is_what_the_commits_add_up_to(repo: Path) -> None:
    dice = random.Random(7)
    places = ("core", "web", "core/deep", ".", "web/core")
    for _ in range(4):
        for number in range(12):
            path = repo / dice.choice(places) / f"f{dice.randrange(8)}"
            if path.exists() and dice.random() < 0.4:
                path.unlink()
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"{number} {dice.random()}")
        git(repo, "add", "-A")
        staged = git(repo, "write-tree")

        assert cli.main(["commit", "-m", "x"]) == Exit.DONE

        assert git(repo, "rev-parse", "HEAD^{tree}") == staged
    assert_clean(repo)


RULES = """
[scopes.core]
paths = ["core"]
depends_on = []
public = ["core/api.py"]
[scopes.web]
paths = ["web"]
depends_on = ["core"]
"""


def stage_rules(folder: Path) -> None:
    write(folder, "guild.toml", RULES)
    write(folder, "core/api.py", "def load():\n    pass\n")
    write(folder, "core/gone.py", "x = 1\n")
    write(folder, "web/view.py", "from core.api import load\n\nload()\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "rules")


def test_a_commit_whose_tree_breaks_the_rules_refuses_all(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_rules(repo)
    write(repo, "core/bad.py", "import web.view\n")
    write(repo, "web/new.py", "y = 1\n")
    git(repo, "add", "-A")
    before = state(repo)

    assert cli.main(["commit", "-m", "x"]) == Exit.NO

    assert "core: core/bad.py:1: depends-on" in capsys.readouterr().err
    assert state(repo) == before
    assert cli.main(["commit", "--partial", "-m", "x"]) == Exit.NO
    assert git(repo, "show", "--format=", "--name-only") == b"web/new.py"
    assert git(repo, "diff", "--cached", "--name-only") == b"core/bad.py"
    assert cli.main(["commit", "--no-verify", "-m", "x"]) == Exit.DONE


def test_what_a_later_commit_of_the_chain_mends_is_not_held_against_an_earlier_one(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_rules(repo)
    write(repo, "core/api.py", "def read():\n    pass\n")
    write(repo, "web/view.py", "from core.api import read\n\nread()\n")
    git(repo, "add", "-A")

    assert cli.main(["commit", "-m", "Rename"]) == Exit.DONE

    write(repo, "core/api.py", "def load():\n    pass\n")
    git(repo, "add", "-A")
    assert cli.main(["commit", "-m", "Back"]) == Exit.NO
    assert "core: web/view.py:1: breaking" in capsys.readouterr().err
