#!/usr/bin/env python3
"""Lists without end: the memory of `hoist get`, and the time until its report after Ctrl-C.

Ten million URLs come in through a pipe, made as they are read. After 100,000 outcomes the bench sends
SIGINT, as Ctrl-C does, and waits for the report and the end. Three lists:

  one origin      short URLs at one address
  a million       the same at 127.x.y.z, a million addresses in turn
  long lines      URLs of 60 KiB at one address

Claims: peak memory under 64 MB (128 MB with AT_ONCE=1000), the report within a second, exit code 130.

Needs nothing else. For the million, the rehearsal server listens on every address of the machine
while that part runs. OUTCOMES=N, AT_ONCE=N (64), HOIST=FILE change what is run; name a list to run it alone.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import lab

URLS = 10_000_000
OUTCOMES = int(os.environ.get("OUTCOMES", "100000"))
AT_ONCE = os.environ.get("AT_ONCE", "64")
BAR = 64e6 if int(AT_ONCE) <= 64 else 128e6
LONG = 60 << 10
PATIENCE = 400  # s, for one list


def one_origin(port):
    return (f"http://127.0.0.1:{port}/flags/va/va.gif?i={i}\n" for i in range(URLS))


def a_million(port):
    # 16 x 250 x 250 = 1,000,000 addresses, none that ends in 0 or 255.
    for i in range(URLS):
        address = f"127.{10 + i // 62_500 % 16}.{1 + i // 250 % 250}.{1 + i % 250}"
        yield f"http://{address}:{port}/flags/va/va.gif?i={i}\n"


def long_lines(port):
    for i in range(URLS):
        line = f"http://127.0.0.1:{port}/flags/va/va.gif?i={i}&pad="
        yield f"{line}{'x' * (LONG - len(line))}\n"


LISTS = {"one origin": one_origin, "a million": a_million, "long lines": long_lines}


def feed(lines, pipe):
    """Writes lines in blocks until the reader leaves."""
    block, length = [], 0
    try:
        for line in lines:
            block.append(line)
            length += len(line)
            if length >= 1 << 18:
                pipe.write("".join(block).encode())
                block, length = [], 0
        pipe.write("".join(block).encode())
        pipe.close()
    except OSError:
        pass


def interrupted(hoist, lines, out):
    """Runs one list; gives peak MiB, seconds from SIGINT to the end, outcomes told, those of them that
    are ok, exit code, report."""
    argv = [hoist, "get", "-o", out, "-m", AT_ONCE, "--per-origin", "64", "--format", "jsonl"]
    report = open(f"{out}.report", "w+b")
    child = lab.start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=report)
    threading.Thread(target=feed, args=(lines, child.stdin), daemon=True).start()
    timer = threading.Timer(PATIENCE, child.kill)
    timer.start()
    told, ok, peak, sent = 0, 0, 0.0, None
    while data := os.read(child.stdout.fileno(), 1 << 20):
        told += data.count(b"\n")
        ok += data.count(b'"outcome":"ok"')  # but for those on the seams of blocks
        peak = max(peak, lab.peak_memory(child.pid))
        if told >= OUTCOMES and sent is None:
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
    code = child.wait()
    waited = time.monotonic() - (sent or float("inf"))
    timer.cancel()
    report.seek(0)
    return peak, waited, told, ok, code, report.read().decode()


def main():
    chosen = sys.argv[1:] or list(LISTS)
    if unknown := [name for name in chosen if name not in LISTS]:
        sys.exit(f"no list is called {unknown[0]!r}; there are: {', '.join(LISTS)}")
    hoist = lab.hoist()
    rows, claims = [], []
    for name in chosen:
        port = lab.free_port()
        bind = "0.0.0.0" if name == "a million" else "127.0.0.1"
        rehearsal = [hoist, "rehearse", "LOCAL", "--port", str(port), "--bind", bind]
        with lab.scratch() as folder, lab.server(rehearsal, port):
            began = time.monotonic()
            peak, waited, told, ok, code, report = interrupted(hoist, LISTS[name](port), f"{folder}/out")
            took = time.monotonic() - began
        rows.append([name, f"{told:,}", f"{took:.1f}", f"{peak:.1f}", f"{waited:.2f}", code])
        print(f"{name}: {report.strip() or 'no report'}\n")
        claims += [
            (f"{name}: {ok:,} of {told:,} URLs are ok", ok > 0.99 * told > 0),
            (f"{name}: peak memory {peak:.1f} MiB is under {BAR / 1e6:.0f} MB", 0 < peak < BAR / 2**20),
            (f"{name}: the report came {waited:.2f} s after Ctrl-C, within a second", 0 <= waited < 1),
            (f"{name}: exit code {code} is 130, and there is a report", code == 130 and bool(report)),
        ]
    lab.table(["list", "outcomes", "s", "peak MiB", "s to the report", "exit"], rows)
    lab.verdict(claims)


if __name__ == "__main__":
    main()
