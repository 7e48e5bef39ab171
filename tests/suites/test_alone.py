"""Which names a suite's files take in the interpreter."""

from pathlib import Path

from guild_plugins.suites.alone import top_names
from tests.suites.runs import write


def test_names_are_those_of_the_outermost_packages(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "src/pkg/__init__.py": "",
            "src/pkg/tests/__init__.py": "",
            "src/pkg/tests/conftest.py": "",
            "src/pkg/tests/test_one.py": "",
            "plain/test_two.py": "",
            "plain/conftest.py": "",
        },
    )
    packaged = str(tmp_path / "src/pkg/tests/test_one.py")
    plain = str(tmp_path / "plain/test_two.py")

    assert top_names([packaged], tmp_path) == {"pkg"}
    assert top_names([packaged, plain], tmp_path) == {"pkg", "test_two", "conftest"}
