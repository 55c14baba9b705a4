#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What grf-bpf says of leaks as people reported them: makes docs/leaks.md.

  leaks.py [-o FILE] [--runs N]      (as root; needs Go)

Each program of tests/programs/leaks is looked into N times (10), and once more as it should be. GRF_BPF is
the command (build/grf-bpf).
"""

import argparse
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import leaks
from toolchains import Builder

HEAD = """\
# Leaks that people reported

`make leaks` makes this page. Of each mechanism there is a small program, rebuilt from public reports, that
leaks some megabytes beside twelve things of 128 KiB that a service has anyway; run as
`leaks MECHANISM healthy` it does the same work without the leak
([tests/programs/leaks](../tests/programs/leaks)). Of each the first row of the owners is shown, with the
largest part of the heap that one thing of the program has where nothing leaks. *Rank* is that of the first
row that names what a person has to change, in words that a table says for each beforehand
([tests/e2e/leaks.py](../tests/e2e/leaks.py)); `make check` holds it. The last but one column says in how many
of the runs the first row was the same.
"""


def with_one_line(found):
    """The owner of the first row, as often as it was first, and how often."""
    first = [run.rows[0].owner for run in found]
    owner = max(sorted(set(first)), key=first.count)
    return next(run.rows[0] for run in found if run.rows[0].owner == owner), first.count(owner)


def cell(text):
    return text.replace("|", "\\|")


def row_of(leak, executable, folder, runs):
    found = [leaks.look(executable, leak, folder) for _ in range(runs)]
    healthy = leaks.look(executable, leak, folder, healthy=True)
    first, same = with_one_line(found)
    ranks = {leaks.rank(leak, run.rows) for run in found}
    rank = None if None in ranks else max(ranks)
    stands = max(row.share for row in healthy.rows if not row.of_runtime)
    return rank, (
        f"| {cell(leak.what)} | `{cell(first.owner)}`, {first.owned:,} | {100 * first.share:.0f} % "
        f"| {rank or '-'} | {same} of {runs} | {100 * stands:.0f} % |"
    )


def counted(ranks):
    named = [rank for rank in ranks if rank]
    return (
        f"{len(ranks)} programs: the culprit is named in the first row of {sum(rank == 1 for rank in named)}, "
        f"in the first three rows of {sum(rank <= 3 for rank in named)}, "
        f"in the first {leaks.FIRST_SCREEN} of {sum(rank <= leaks.FIRST_SCREEN for rank in named)}."
    )


NOTES = """
- Of a heap that is not where the memory is, no row can tell: what the program has mapped by itself is in no
  object. The owners are then as in a healthy program.
- Timers are rows of the runtime, with what their functions hold. Of `time.After` that is a channel, and no
  pointer leads to who made it.
- A path says where memory is held. That elements are beyond the length of a slice (`heap.Pop`), or before it
  (`[<0]`), that a context is never cancelled, or that a goroutine can never run again, is for a reader to see
  in it.
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "docs" / "leaks.md")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    builder, ranks, rows = Builder(), [], []
    with tempfile.TemporaryDirectory() as folder:
        for leak in leaks.LEAKS:
            executable = builder.build(leak.version, "optimised", leaks.PROGRAM)
            rank, row = row_of(leak, executable, pathlib.Path(folder), options.runs)
            print(row, file=sys.stderr)
            ranks.append(rank)
            rows.append(row)
    builder.close()
    options.output.write_text("\n".join([
        HEAD,
        counted(ranks) + "\n",
        "| mechanism | the first row, and how many | of the heap | rank | the same | healthy |",
        "|---|---|---|---|---|---|",
        *rows,
        NOTES.rstrip() + "\n",
    ]))


if __name__ == "__main__":
    main()
