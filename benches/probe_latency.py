#!/usr/bin/env python3
"""Slow answers: the time `hoist probe` takes for a list, over the slowest answer in it.

A rehearsal name server answers each query after 50 to 500 ms. A client that asks for all names at
once takes as long as the slowest answer, whatever their number. The slowest answer is read from the
server's log of what it really did. As root, asyncio's getaddrinfo is measured beside it: its thread
pool asks for a few names at a time.

Half of the names have an IPv4 address, half do not exist. A name that has only an IPv6 address takes
a second question when it stands behind the first thousand of a list; none is among these.

Claim: 18 names and 2,000 names take at most 1.15 of the slowest answer.

Needs nothing else. RUNS=N (5) and HOIST=FILE change what is run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import lab

ZONE = "rehearsal.test"
DELAY = "50ms..500ms"
ASYNCIO = """
import asyncio, socket, sys
async def probe(name):
    try:
        await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror:
        pass
async def main():
    await asyncio.gather(*map(probe, open(sys.argv[1]).read().split()))
asyncio.run(main())
"""


def slowest_answer(log, both):
    """What no client can beat, in seconds: of each name, the first answer that decides it; of these the
    slowest. For a name without any address each NXDOMAIN does. getaddrinfo waits for `both` types."""
    answers = {}
    with open(log) as lines:
        for line in lines:
            record = json.loads(line)
            name = record["name"].lower()
            if both or record["type"] == "A" or name.startswith("nx-"):
                answers.setdefault(name, []).append(record["delay_ms"] / 1000)
    return max(max(delays) if both else min(delays) for delays in answers.values())


def rehearsed(hoist, folder, seed, port, address, measure, both=False):
    """Runs `measure` against a fresh server; gives its figures and the slowest answer."""
    log = f"{folder}/truth.jsonl"
    argv = [
        hoist, "rehearse", "DNS", "--bind", address, "--port", str(port), "--zone", ZONE,
        "--delay", DELAY, "--seed", str(seed), "--log", log,
    ]
    with lab.server(argv, port, address):
        figures = measure()
    return figures, slowest_answer(log, both)


def by_asyncio(names, address):
    """The same list through getaddrinfo, with a resolv.conf of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write(f"nameserver {address}\noptions timeout:5\n")
        conf.flush()
        enter = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
        argv = ["unshare", "--mount", "sh", "-c", enter, "sh", conf.name]
        return lab.run([*argv, sys.executable, "-c", ASYNCIO, names])


def can_mount():
    if os.getuid() != 0 or not shutil.which("unshare"):
        return False
    trial = ["unshare", "--mount", "mount", "--bind", "/etc/hosts", "/etc/resolv.conf"]
    return subprocess.run(trial, stderr=subprocess.DEVNULL).returncode == 0


def main():
    hoist = lab.hoist()
    rows, claims = [], []
    with lab.scratch() as folder:

        def add(program, count, measured):
            totals = [figures.wall for figures, _ in measured]
            ratios = [figures.wall / slowest for figures, slowest in measured]
            ratio = lab.median(ratios)
            slowest = lab.median(slowest for _, slowest in measured)
            rows.append([
                program, f"{count:,}", f"{lab.median(totals):.3f}", f"{slowest:.3f}", f"{ratio:.2f}",
                f"{min(ratios):.2f} .. {max(ratios):.2f}",
            ])
            return ratio

        for count in (18, 2_000):
            names = f"{folder}/{count}.txt"
            with open(names, "w") as file:
                # Of the shapes that the rehearsal knows: one with an IPv4 address, one that is not there.
                file.writelines(f"{('v4only', 'nx')[i % 2]}-{i}.{ZONE}\n" for i in range(count))
            measured = []
            for seed in range(lab.RUNS):
                port, out = lab.free_port(), f"{folder}/out-{count}-{seed}.jsonl"
                probe = [
                    hoist, "probe", "-i", names, "--via", f"dns://127.0.0.1:{port}",
                    "--format", "jsonl", "-o", out,
                ]
                measured.append(
                    rehearsed(hoist, folder, seed, port, "127.0.0.1", lambda: lab.run(probe))
                )
                with open(out) as answers:
                    found = [json.loads(line)["verdict"] == "found" for line in answers]
                if (len(found), sum(found)) != (count, count // 2):
                    claims.append((f"{count:,} names, seed {seed}: each is answered rightly", False))
            ratio = add("hoist probe", count, measured)
            claim = f"{count:,} names take {ratio:.2f} of the slowest answer, at most 1.15"
            claims.append((claim, ratio <= 1.15))
            if count == 18 and can_mount():
                at = "127.0.0.53"
                add("asyncio getaddrinfo", count, [
                    rehearsed(hoist, folder, seed, 53, at, lambda: by_asyncio(names, at), True)
                    for seed in range(min(lab.RUNS, 3))
                ])

    print(f"answers after {DELAY}, medians\n")
    lab.table(["program", "names", "total s", "slowest answer s", "total / slowest", "from .. to"], rows)
    lab.verdict(claims)


if __name__ == "__main__":
    main()
