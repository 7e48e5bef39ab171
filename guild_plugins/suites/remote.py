# mypy: ignore-errors
"""The first lines that a worker runs: xdist ships this file's text to it.

As in ``xdist.remote``, but the work is done by ``guild_plugins.suites.launch``,
and a worker with an interpreter of its own keeps its own ``sys.path``.
"""

if __name__ == "__channelexec__":
    import os
    import sys

    workerinput, args, option_dict, change_sys_path = channel.receive()  # noqa: F821
    guild = workerinput["guild"]
    if guild["chdir"]:
        os.chdir(guild["chdir"])
    for name, value in guild["terminal"].items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    os.environ.update(guild["env"])
    if guild["own_path"]:
        sys.path.insert(0, guild["chdir"] or os.getcwd())
    elif change_sys_path is None:
        importpath = os.getcwd()
        sys.path.insert(0, importpath)
        inherited = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = importpath + os.pathsep + inherited
    else:
        sys.path = change_sys_path

    from guild_plugins.suites.launch import serve

    serve(channel, workerinput, guild["args"] or args, option_dict)  # noqa: F821
