from __future__ import annotations

import os
import sysconfig


def find_agno_top_bin() -> str:
    """Return the path of the program that was installed with this package.

    Raises:
        FileNotFoundError: If it is not there. The message lists the directories.
    """
    name = "agno-top" + (sysconfig.get_config_var("EXE") or "")
    directories = _directories()
    for directory in directories:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(f"{name} is in none of these directories: {', '.join(directories)}")


def _directories() -> list[str]:
    scripts = sysconfig.get_path("scripts")
    packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # PREFIX/lib/python3.N/site-packages; on Windows PREFIX\Lib\site-packages.
    prefix = os.path.join(packages, *[os.pardir] * (2 if os.name == "nt" else 3))
    beside = os.path.normpath(os.path.join(prefix, os.path.basename(scripts)))
    # The last one serves `pip install --target`.
    return [beside, scripts, os.path.join(packages, "bin")]
