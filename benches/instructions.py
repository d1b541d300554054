#!/usr/bin/env python3
"""Counts the instructions that agno-top takes for fixed work, with valgrind, and compares them with instructions.txt beside this file.

    instructions.py PROGRAM [--write]

Exits with 1 if a count differs by more than 5 % in either direction. With another compiler, C library or processor than the file states, it
only prints: each changes the counts by itself. --write keeps the counts. Needs valgrind, and nothing but Python's standard library.
"""

import argparse
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

from grow import grow

KEPT = pathlib.Path(__file__).with_suffix(".txt")
TOLERANCE = 0.05
SPANS = 10_000
# As many as are read at once. More are read in slices of time, of which a busy machine needs more.
ROWS = 500
# Name and arguments.
WORK = [
    ("start", ["--version"]),
    ("index: a database into totals", ["stats", "--by", "agent", "--json", "rows.sqlite"]),
    ("apply: a database into a list", ["list", "--json", "rows.sqlite"]),
    ("ingest: a file of OTLP protobuf", ["list", "--json", "spans.pb"]),
    ("ingest: a file of OTLP/JSON", ["list", "--json", "spans.otlp"]),
    ("frame: the demo on a huge screen", ["demo", "--once"]),
]
SCREEN = {"COLUMNS": "500", "LINES": "500"}


def count(program, arguments, environment, folder):
    """Returns the instructions of all threads; for a frame of the first one, which draws: another one looks for news as often as time allows."""
    for old in folder.glob("counts*"):
        old.unlink()
    command = ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=counts", program, *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, cwd=folder, text=True)
    threads = [re.search(r"^totals: (\d+)", path.read_text(), re.M) for path in sorted(folder.glob("counts-*"))]
    if done.returncode != 0 or not threads or None in threads:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    threads = [int(total[1]) for total in threads]
    return threads[0] if arguments[0] == "demo" else sum(threads)


def conditions():
    """Returns what changes the counts, but is not the program."""
    compiler = subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    processor = platform.machine() + (" with AVX2" if " avx2 " in pathlib.Path("/proc/cpuinfo").read_text() else "")
    return f"{compiler}, {' '.join(platform.libc_ver())}, {processor}"


def read():
    """Returns the conditions and the count of each work that are kept."""
    if not KEPT.exists():
        return None, {}
    lines = [line for line in KEPT.read_text().splitlines() if not line.startswith("#")]
    return lines[0], {name: int(number.replace(",", "")) for number, name in (line.split(maxsplit=1) for line in lines[1:])}


def write(counts):
    lines = ["# Instructions of the packaged program, as benches/instructions.py counts them.", conditions()]
    lines += [f"{number:>15,}  {name}" for name, number in counts.items()]
    KEPT.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--write", action="store_true", help="keep the counts")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    counts = {}
    with tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(home)
        environment = {"HOME": home, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"} | SCREEN
        for name, spans in (("rows.sqlite", ROWS), ("spans.sqlite", SPANS)):
            grow(folder / name, spans)
        for form, name in (("otlp-proto", "spans.pb"), ("otlp", "spans.otlp")):
            export = [program, "export", "--format", form, "--output", name, "spans.sqlite"]
            subprocess.run(export, check=True, env=environment, cwd=folder, stderr=subprocess.DEVNULL)
        for name, arguments in WORK:
            counts[name] = count(program, arguments, environment, folder)
    if options.write:
        write(counts)
        return
    kept_conditions, kept = read()
    differing = []
    print(f"{'now':>15} {'kept':>15}")
    for name, number in counts.items():
        before = kept.get(name)
        difference = f"{number / before - 1:+7.1%}" if before else "    new"
        print(f"{number:>15,} {before or 0:>15,} {difference}  {name}")
        if not before or abs(number / before - 1) > TOLERANCE:
            differing.append(name)
    missing = kept.keys() - counts.keys()
    differing += sorted(missing)
    if not differing:
        return
    if kept_conditions not in (None, conditions()):
        print(f"Not judged: the kept counts are of {kept_conditions}, and these of {conditions()}.")
        return
    print(f"More than {TOLERANCE:.0%} away from what is kept: {', '.join(differing)}. If that is meant, keep the new counts:")
    print(f"    python3 benches/instructions.py {options.program} --write")
    sys.exit(1)


main()
