"""``python -m agno_top``: runs the program in place of the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

from agno_top._find import find_agno_top_bin


def _run() -> None:
    program = find_agno_top_bin()
    arguments = [program, *sys.argv[1:]]
    if os.name != "nt":
        os.execv(program, arguments)
    # Windows has no exec: it would return to the shell while the program still runs.
    try:
        sys.exit(subprocess.run(arguments, check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(2)


if __name__ == "__main__":
    _run()
