"""Where pytest's root is, when an option's value looked like a path to it.

pytest looks for its root and ini-file before it knows the options of plugins. The value
in ``--guild-report PATH`` or ``--guild-scope NAME`` then counts as a path to tests, if
there is one of that name, and may lead to another root: node ids change, and the
project's settings are not read.
"""

from __future__ import annotations

import copy

import pytest
from _pytest.config.findpaths import determine_setup


def mend(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Have pytest use the root that the paths alone lead to, and its ini-file.

    :param args: Of the command line, those of the ini-file in front; changed in place.
    """
    known = config.known_args_namespace
    root, ini, settings, ignored = determine_setup(
        inifile=known.inifilename,
        override_ini=known.override_ini,
        args=known.file_or_dir,
        rootdir_cmd_arg=known.rootdir or None,
        invocation_dir=config.invocation_params.dir,
    )
    if (root, ini) == (config.rootpath, config.inipath):
        return
    is_cut_elsewhere = known.confcutdir != _cut(config)
    former = config.getini("addopts")
    config._rootpath, config._inipath = root, ini
    config._inicfg, config._ignored_config_files = settings, ignored
    config._inicache.clear()
    args[: len(former)] = config.getini("addopts")
    _parse_again(config, parser, args)
    if not is_cut_elsewhere:
        config.known_args_namespace.confcutdir = _cut(config)


def _parse_again(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Do what pytest does with the options of an ini-file, before conftests are imported."""
    config._checkversion()
    config._configure_python_path()
    config.pluginmanager.consider_preparse(args, exclude_only=False)
    parser.extra_info.update(rootdir=str(config.rootpath), inifile=str(config.inipath))
    cut = config.known_args_namespace.confcutdir
    known = parser.parse_known_args(args, namespace=copy.copy(config.option))
    known.confcutdir = known.confcutdir or cut
    config.known_args_namespace = known
    config._validate_plugins()


def _cut(config: pytest.Config) -> str:
    """Return the directory above which pytest reads no conftest, where nobody says another."""
    return str(config.inipath.parent if config.inipath else config.rootpath)
