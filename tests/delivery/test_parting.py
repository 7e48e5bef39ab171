from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

from guild_plugins.delivery.parting import find_bases
from tests.git.repos import git, make


def test_bases_are_those_of_git_whatever_the_history(tmp_path: Path) -> None:
    for seed in range(3):
        dice = random.Random(seed)
        repository = make(tmp_path / str(seed), {"x": "x"})
        tree = git(repository.top, "rev-parse", "HEAD^{tree}").strip()
        commits = [git(repository.top, "rev-parse", "HEAD").strip()]
        for number in range(25):
            parents = dice.sample(commits[-6:], min(len(commits), dice.choice((1, 1, 2))))
            words = [word for parent in parents for word in ("-p", parent)]
            made = git(repository.top, "commit-tree", tree, *words, "-m", str(number))
            commits.append(made.strip())
        if seed == 2:  # some that share nothing
            commits += [git(repository.top, "commit-tree", tree, "-m", "alone").strip()]
        tips = commits[-7:]

        found = find_bases(repository, tips)

        for one, two in combinations(tips, 2):
            command = f"git merge-base --all {one} {two} || true"
            wanted = git(repository.top, "-c", f"alias.x=!{command}", "x").split()
            assert sorted(found[frozenset((one, two))]) == sorted(wanted)
