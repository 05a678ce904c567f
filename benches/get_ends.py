#!/usr/bin/env python3
"""Runs that end: `hoist get` with servers that hold what they get, beside the same list without them.

  black hole      5,000 URLs of one server that takes connections and never answers, in turn with 5,000
                  good ones: over within two item deadlines
  one in hundred  50,000 URLs, -m 1000, of which 500 are black holes, drips and endless bodies, each at an
                  origin of its own (127.x.y.z); the good ones answer after 1 s: 99 % of them are there
                  within 1.1 of the time that they take without the bad ones, and the run ends within an
                  item deadline of its last good one
  flat out        the same with good ones that answer at once, so that the machine is the limit

Needs nothing else. The rehearsal server of the bad ones listens on every address of the machine.
SCALE=N divides the numbers of URLs and permits, HOIST=FILE changes what is run; name a part to run it alone.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import lab

SCALE = int(os.environ.get("SCALE", "1"))
DEADLINE = 30  # s
FAULTS = ["silent", "drip?rate=1&of=1000", "endless?rate=1000"]


def get(hoist, folder, lines, *options):
    """Gets a list. Times of the outcomes that are ok, of the last outcome, and how often each failure."""
    out, urls = f"{folder}/out-{time.monotonic_ns()}", f"{folder}/urls"
    with open(urls, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    argv = [hoist, "get", "-i", urls, "-o", out, "--format", "jsonl", "--durable", "none", "--deadline", str(DEADLINE)]
    began = time.monotonic()
    child = lab.start([*argv, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    good, kinds, told = [], {}, 0
    for line in child.stdout:
        told += 1
        outcome = json.loads(line)
        if outcome["outcome"] == "ok":
            good.append(time.monotonic() - began)
        else:
            kinds[outcome["kind"]] = kinds.get(outcome["kind"], 0) + 1
    code = child.wait()
    took = time.monotonic() - began
    shutil.rmtree(out)
    assert told == len(lines), f"{told} outcomes of {len(lines)} lines, exit code {code}"
    return good, took, kinds


def black_hole(hoist, folder, good, bad, rows):
    n = 10_000 // SCALE
    lines = [f"{good}{i}" if i % 2 else f"http://127.9.0.1:{bad}/fault/silent" for i in range(n)]
    done, took, kinds = get(hoist, folder, lines)
    rows.append(["black hole", f"{len(done):,}", "", f"{done[-1]:.1f}", f"{took:.1f}", kinds])
    return [
        (f"black hole: all {n // 2:,} good ones are there", len(done) == n // 2),
        (f"black hole: over after {took:.1f} s, within two deadlines of {DEADLINE} s", took < 2 * DEADLINE),
    ]


def one_in_hundred(name, hoist, folder, good, bad, rows):
    n, permits = 50_000 // SCALE, 1_000 // SCALE
    options = ["-m", str(permits), "--per-origin", str(permits)]
    lists = {"without": [], "with": []}
    for i in range(n):
        line = f"{good}{i}"
        if i % 100 == 99:
            k = i // 100
            line = f"http://127.9.{1 + k // 250}.{1 + k % 250}:{bad}/fault/{FAULTS[k % 3]}"
        else:
            lists["without"].append(line)
        lists["with"].append(line)
    runs = {}
    for which, lines in lists.items():
        best = min((get(hoist, folder, lines, *options) for _ in range(lab.RUNS)), key=lambda run: run[0][-1])
        done, took, kinds = runs[which] = best
        p99 = done[len(done) * 99 // 100]
        rows.append([f"{name}, {which}", f"{len(done):,}", f"{p99:.2f}", f"{done[-1]:.1f}", f"{took:.1f}", kinds])
    p99 = {which: run[0][len(run[0]) * 99 // 100] for which, run in runs.items()}
    ratio = p99["with"] / p99["without"]
    done, took, _ = runs["with"]
    return [
        (f"{name}: all good ones are there", len(done) == len(lists["without"])),
        (f"{name}: 99 % of the good ones within 1.1 of the time without the bad: {ratio:.2f}", ratio <= 1.1),
        (f"{name}: {took - done[-1]:.1f} s from the last good one to the end, a deadline is {DEADLINE} s",
         took - done[-1] <= DEADLINE + 1),
    ]


PARTS = {
    "black hole": (0, black_hole),
    "one in hundred": (1, lambda *a: one_in_hundred("one in hundred", *a)),
    "flat out": (0, lambda *a: one_in_hundred("flat out", *a)),
}


def main():
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        sys.exit(f"no part is called {unknown[0]!r}; there are: {', '.join(PARTS)}")
    hoist = lab.hoist()
    rows, claims = [], []
    for name in chosen:
        delay, part = PARTS[name]
        good, bad = lab.free_port(), lab.free_port()
        slow = ["--delay", str(delay)] if delay else []
        serve = [hoist, "rehearse", "LOCAL", "--port", str(good), "--bind", "127.0.0.1", *slow]
        misbehave = [hoist, "rehearse", "LOCAL", "--port", str(bad), "--bind", "0.0.0.0"]
        with lab.scratch() as folder, lab.server(serve, good), lab.server(misbehave, bad):
            claims += part(hoist, folder, f"http://127.0.0.1:{good}/flags/va/va.gif?i=", bad, rows)
    print(f"deadline {DEADLINE} s; times in s\n")
    lab.table(["list", "good", "99 % of them", "the last", "the end", "failures"], rows)
    lab.verdict(claims)


if __name__ == "__main__":
    main()
