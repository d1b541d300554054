"""What tracing by `agno-top run` costs a program, compared with Agno's own tracing to SQLite.

    AGNO_PYTHON benches/run/run.py AGNO_TOP [--spans 10000] [--pairs 5]

Runs a program in alternation: under `agno-top run`, without a line about tracing; and alone, with `setup_tracing`. Prints the processor
time of each, and fails if the median of the ratios is above 1.03.
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "program.py")
LIMIT = 1.03


def seconds(command, directory):
    """The processor time that the program states, and what else was printed on standard error."""
    environment = {**os.environ, "XDG_CONFIG_HOME": directory, "XDG_STATE_HOME": directory}
    done = subprocess.run(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return float(done.stdout.split()[-1]), done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agno_top")
    parser.add_argument("--spans", type=int, default=10000)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    agno_top, spans = os.path.abspath(arguments.agno_top), str(arguments.spans)
    print("untraced, run, setup_tracing, run / setup_tracing")
    ratios = []
    for _ in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as directory:
            alone, _ = seconds([sys.executable, PROGRAM, spans], directory)
            traced, told = seconds([agno_top, "run", "--max-spans", "1000000", "--", sys.executable, PROGRAM, spans], directory)
            stored, _ = seconds([sys.executable, PROGRAM, spans, "own.db"], directory)
            rows = sqlite3.connect(os.path.join(directory, "own.db")).execute("SELECT count(*) FROM agno_spans").fetchone()[0]
        traces = int(told.split("agno-top: ")[-1].split()[0].replace(",", ""))
        if rows != arguments.spans or traces != arguments.spans // 4:
            raise SystemExit(f"{rows} spans are stored, and {traces} traces were seen: {told}")
        ratios.append(traced / stored)
        print(f"{alone:.2f} s, {traced:.2f} s, {stored:.2f} s, {ratios[-1]:.3f}", flush=True)
    median = statistics.median(ratios)
    print(f"median {median:.3f}, of {min(ratios):.3f} to {max(ratios):.3f}")
    return 0 if median <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
