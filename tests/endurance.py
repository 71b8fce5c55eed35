"""Hours at the window, compressed: opens, scrolls, labels, trains, cancels and exports in a loop, as a person would by
keys, and watches what the program holds on to.

    python3 tests/endurance.py CRACKSCOPE FOLDER OTHER [--minutes 15] [--csv FILE] [--keep DIR]

CRACKSCOPE is the built program, FOLDER labelled photos, OTHER a second folder of them to change to and back. Starts an X
server of its own (Xvfb) and presses keys (xdotool); the program keeps its files in a folder that goes away, or in
DIR. Every ten seconds a line goes to the table: seconds, round, resident and private memory, open files and threads. At
the end the window is left alone, and the processor time that it takes is measured.

Ends with 1 where the program ended by itself, did not do what the keys asked of it, holds more files or threads at the
end than after the first quarter, or takes more than 1 % of a core while idle. Memory is reported, with its peaks and its
slope; whether that is a leak is for a person to say.

On Debian: apt-get install xvfb xdotool libegl1 libgl1-mesa-dri libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0
"""

import argparse
import csv
import itertools
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

EVERY = 10
IDLE = 60
SETTLE = 15
# Of the first training, whose features are still to be computed.
LONGEST = 1800
COLUMNS = ("seconds", "round", "resident_kb", "private_kb", "files", "threads")


class Window:
    """The program under an X server of its own, reached by keys."""

    def __init__(self, program, folder, profile):
        self.runs = profile / "data/crackscope/runs"
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
            pass_fds=[writer], stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as answer:
            self.environment = dict(os.environ, DISPLAY=f":{answer.readline().strip()}", HOME=str(profile))
        for name in ("config", "data", "cache"):
            self.environment[f"XDG_{name.upper()}_HOME"] = str(profile / name)
        self.log = open(profile / "log.txt", "wb")
        self.program = subprocess.Popen([program, folder], env=self.environment, stdout=self.log, stderr=self.log)
        found = until(60, lambda: self.xdotool("search", "--name", "^CrackScope$"))
        self.id = found.split()[-1]
        time.sleep(8)
        self.xdotool("windowmove", self.id, "0", "0", "windowsize", self.id, "1280", "800")

    def xdotool(self, *words):
        done = subprocess.run(["xdotool", *words], env=self.environment, capture_output=True, text=True)
        return done.stdout.strip()

    def keys(self, *names):
        self.xdotool("key", "--delay", "60", *names)

    def type(self, text):
        self.xdotool("type", "--delay", "12", text)

    def wheel(self, clicks):
        """Down where `clicks` is positive, over the grid."""
        self.xdotool("mousemove", "500", "400", "click", "--repeat", str(abs(clicks)), "--delay", "15", "5" if clicks > 0 else "4")

    def finished_runs(self):
        return sorted(self.runs.glob("*/model.safetensors"), key=lambda file: file.stat().st_mtime)

    def close(self):
        for process in (self.program, self.server):
            process.terminate()
            process.wait(timeout=30)
        self.log.close()


def until(seconds, found):
    """What `found` gives, as soon as that is something."""
    end = time.monotonic() + seconds
    while not (result := found()):
        if time.monotonic() > end:
            return None
        time.sleep(0.2)
    return result


def one_round(window, number, folders, scratch):
    """What was asked and did not come about, if anything."""
    folder = folders[number % len(folders)]
    # There is no window manager that would do it.
    window.xdotool("windowfocus", window.id)
    window.keys("ctrl+l")
    time.sleep(1)
    window.keys("ctrl+a")
    window.type(str(folder))
    window.keys("Return")
    time.sleep(3)

    window.keys("ctrl+1")
    window.xdotool("mousemove", "500", "300", "click", "1")
    window.keys(*["Next"] * 8, "End", "Home")
    window.wheel(40)
    window.wheel(-40)
    # Three labels, taken back again.
    window.keys("Home", "1", "2", "0", *["ctrl+z"] * 3)

    # Begun and cancelled, then carried out.
    window.keys("ctrl+3", "ctrl+Return", "ctrl+period")
    time.sleep(1)
    if not trained(window, len(window.finished_runs())):
        return "no run came of training"
    time.sleep(2)

    window.keys("ctrl+4")
    window.wheel(10)
    target = scratch / f"export {number}"
    # The form opens once the run has been read, which a busy machine takes its time for.
    if not any(exported(window, target) for _ in range(4)):
        return "nothing was exported"
    time.sleep(1)
    shutil.rmtree(target)

    window.keys("ctrl+2")
    time.sleep(0.5)
    window.keys("ctrl+6")
    time.sleep(0.5)
    # Disks are not what is tried here.
    for model in window.finished_runs()[:-2]:
        shutil.rmtree(model.parent)
    return None


def trained(window, before):
    """Whether a run more than `before` came of training."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end and window.program.poll() is None:
        # Again, in case what was cancelled had not ended; while it trains, this does nothing.
        window.keys("ctrl+Return")
        if until(20, lambda: len(window.finished_runs()) > before):
            return True
    return False


def exported(window, target):
    """Whether the run was exported to the folder `target`."""
    window.keys("Escape", "ctrl+e")
    time.sleep(2)
    window.keys("ctrl+a")
    window.type(str(target))
    # Backwards around the form: past Cancel, to the button.
    window.keys("shift+Tab", "shift+Tab", "space")
    return until(45, lambda: (target / "report.html").exists())


def held(pid):
    """Resident and private memory in KB, open files, threads."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    number = lambda key: int(status[key].split()[0])
    return number("VmRSS"), number("RssAnon"), len(os.listdir(f"/proc/{pid}/fd")), number("Threads")


def busy(pid):
    """Seconds of processor time so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slope(rows):
    """MB an hour of resident memory, by least squares."""
    if len(rows) < 3:
        return float("nan")
    return statistics.linear_regression([row[0] / 3600 for row in rows], [row[2] / 1024 for row in rows]).slope


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crackscope", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("other", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--csv", type=pathlib.Path, default=pathlib.Path("endurance.csv"))
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    folders = [options.other.resolve(), options.folder.resolve()]

    with tempfile.TemporaryDirectory() as gone, open(options.csv, "w", newline="") as file:
        profile = (options.keep or pathlib.Path(gone)).resolve()
        profile.mkdir(parents=True, exist_ok=True)
        window = Window(str(options.crackscope.resolve()), str(folders[1]), profile)
        try:
            sys.exit(watch(window, folders, profile, options.minutes * 60, csv.writer(file), file))
        finally:
            window.close()


def watch(window, folders, profile, seconds, table, file):
    pid, begin, rows, rounds, ended = window.program.pid, time.monotonic(), [], 0, threading.Event()
    table.writerow(COLUMNS)

    def sample():
        while window.program.poll() is None:
            rows.append((round(time.monotonic() - begin, 1), rounds, *held(pid)))
            table.writerow(rows[-1])
            file.flush()
            if ended.wait(EVERY):
                return

    sampler = threading.Thread(target=sample, name="sampler")
    sampler.start()
    failure = None
    try:
        for number in itertools.count():
            failure = one_round(window, number, folders, profile)
            if window.program.poll() is not None:
                failure = f"the program ended with {window.program.returncode}"
            rounds = number + 1
            if failure or time.monotonic() - begin > seconds:
                break
    finally:
        ended.set()
        sampler.join()
    if failure:
        window.xdotool("key", "Escape")
        print(f"round {rounds}: {failure}", file=sys.stderr)
        return 1

    time.sleep(SETTLE)
    before = busy(pid)
    time.sleep(IDLE)
    idle = (busy(pid) - before) / IDLE * 100
    return report(rows, rounds, idle)


def report(rows, rounds, idle):
    late = rows[len(rows) // 4 :]
    first, last = late[0], rows[-1]
    peak = lambda column, some: max(row[column] for row in some)
    print(f"rounds {rounds}, {last[0] / 60:.1f} minutes")
    print(f"resident MB: after the first quarter {first[2] / 1024:.0f}, at the end {last[2] / 1024:.0f}, most {peak(2, rows) / 1024:.0f}")
    quarters = [rows[len(rows) * part // 4 : len(rows) * (part + 1) // 4] for part in range(4)]
    print("most in each quarter, MB:", ", ".join(f"{peak(2, some) / 1024:.0f}" for some in quarters if some))
    print(f"slope: {slope(late):+.0f} MB an hour after the first quarter, {slope(rows[len(rows) // 2 :]):+.0f} in the second half")
    middle = rows[len(rows) // 4 : len(rows) // 2] or rows
    counts = [(name, peak(column, middle), peak(column, rows[len(rows) * 3 // 4 :])) for name, column in (("files", 4), ("threads", 5))]
    for name, earlier, later in counts:
        print(f"{name}: at most {earlier} in the second quarter, {later} in the last")
    print(f"idle: {idle:.2f} % of a core")
    return int(idle > 1 or any(later > earlier for _, earlier, later in counts))


if __name__ == "__main__":
    main()
