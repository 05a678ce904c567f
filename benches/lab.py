"""What the benches share: the command as it ships, a folder in memory, servers that end with the
bench, and the figures of a run. Only loopback is used, and only Python's standard library.

HOIST=FILE measures that binary in place of building one. RUNS=N sets how often each is run.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUNS = int(os.environ.get("RUNS", "5"))


def need(**packages):
    """Ends the bench when a command is missing, naming Debian's package for it."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [package for command, package in packages.items() if not shutil.which(command)]
    if missing:
        sys.exit(f"this bench also needs: {' '.join(missing)} (Debian's names)")


def hoist():
    """The command, built with the profile that ships."""
    if given := os.environ.get("HOIST"):
        return os.path.abspath(given)
    build = ["cargo", "build", "--locked", "--profile", "dist", "-p", "hoist-cli"]
    print("building:", " ".join(build), file=sys.stderr)
    lines = subprocess.run(
        [*build, "--message-format", "json-render-diagnostics"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.splitlines()
    made = [json.loads(line).get("executable") for line in lines if line.startswith("{")]
    return next(path for path in made if path and os.path.basename(path) == "hoist")


@contextlib.contextmanager
def scratch():
    """A folder in memory where there is one, gone at the end: disks would be timed, not programs."""
    memory = "/dev/shm"
    where = memory if os.access(memory, os.W_OK) else None
    folder = tempfile.mkdtemp(prefix="hoist-bench-", dir=where)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cores():
    """A core for the servers and one for the client, or None for both on a machine with one."""
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[1]) if len(ours) > 1 else (None, None)


SERVER_CORE, CLIENT_CORE = cores()
_LIBC = ctypes.CDLL(None)


def _prepared(core):
    """What a child does before it becomes the program."""

    def prepare():
        _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: nothing outlives the bench
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in background jobs of a script
        if core is not None:
            os.sched_setaffinity(0, {core})

    return prepare


def free_port(kind=socket.SOCK_STREAM, address="127.0.0.1"):
    """A port that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def server(argv, port, address="127.0.0.1"):
    """Runs a server until the end of the block; it listens on TCP at `port` when the block begins."""
    log = tempfile.TemporaryFile()
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_prepared(SERVER_CORE)
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
                break
            if child.poll() is not None:
                break
            time.sleep(0.05)
        else:
            child.poll() or child.kill()
        if child.poll() is not None:
            log.seek(0)
            sys.exit(f"{argv[0]} did not start:\n{log.read().decode(errors='replace')}")
        yield child
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        log.close()


@dataclass
class Figures:
    """Of one run."""

    wall: float  # s
    cpu: float  # s, user and system
    code: int


def run(argv, timeout=120, **options):
    """Runs a program to its end on the client's core. The CPU time is the kernel's own count."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    began = time.monotonic()
    child = subprocess.Popen(argv, preexec_fn=_prepared(CLIENT_CORE), **options)
    signal.signal(signal.SIGALRM, lambda *_: child.kill())
    signal.alarm(timeout)
    _, status, usage = os.wait4(child.pid, 0)
    signal.alarm(0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode == -signal.SIGKILL:
        sys.exit(f"{argv[0]} was not done after {timeout} s")
    return Figures(wall, usage.ru_utime + usage.ru_stime, child.returncode)


def start(argv, **options):
    """Starts a program on the client's core and leaves it running."""
    return subprocess.Popen(argv, preexec_fn=_prepared(CLIENT_CORE), **options)


def peak_memory(pid):
    """The most memory the process has held so far, in MiB (VmHWM of proc(5)); 0 once it has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def median(values):
    return statistics.median(values)


def table(head, rows):
    """Prints rows as a table that Markdown understands too."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    rule = ["-" * width for width in widths]
    for row in [cells[0], rule, *cells[1:]]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")


def verdict(claims):
    """Says of each claim whether it held, and ends the bench with 1 when one did not."""
    print()
    for text, held in claims:
        print(f"{'holds' if held else 'FAILS'}: {text}")
    sys.exit(0 if all(held for _, held in claims) else 1)
