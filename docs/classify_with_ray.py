"""Classifies a folder of photos in parts, on the machines of a Ray cluster or the cores of one machine.

    python classify_with_ray.py CRACKSCOPE RUN FOLDER TABLE [PARTS]

CRACKSCOPE is the program, RUN a run folder, a model file or `bundled`, FOLDER holds photos; all must have the same path
on every machine. TABLE is written, whole, once all PARTS (4 without a number) are done: the very table that
`crackscope classify RUN FOLDER --csv TABLE` writes. `ray job submit` runs it on a cluster; without one it starts Ray on
this machine.

    pip install ray
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import ray

THREADS = 2


@ray.remote(num_cpus=THREADS, max_retries=2)
def classify(crackscope, run, folder, part, parts):
    """The rows of one part, as bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        table = pathlib.Path(scratch) / "part.csv"
        # A cache of its own: what several write at once is kept for the first of them only.
        command = [crackscope, "classify", run, folder, "--shard", f"{part}/{parts}", "--csv", table]
        command += ["--cache", pathlib.Path(scratch) / "cache", "--threads", THREADS, "--quiet"]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
        return table.read_bytes()


def main(crackscope, run, folder, table, parts="4"):
    ray.init(log_to_driver=True)
    pending = [classify.remote(crackscope, run, folder, part, parts) for part in range(1, int(parts) + 1)]
    rows = ray.get(pending)
    beside = pathlib.Path(f"{table}.new")
    beside.write_bytes(b"".join(rows))
    os.replace(beside, table)


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
