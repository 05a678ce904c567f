#!/usr/bin/env python3
"""`hoist get --per-origin auto` beside fixed numbers, on servers whose speed depends on their load.

  latency, bandwidth, knee, cliff, collapse, greedy   the load models of the rehearsal, each with parameters
                  that are drawn anew for each run, so that no constant is fitted to them
  nginx           nginx at full speed
  two             two hoists on one server with a knee, beside one alone
  origins         200,000 URLs over 20,000 origins (127.x.y.z), of which 5 % are slow, 2 % never answer and 1 %
                  answer 429, beside the same list without these

Of each server 1, 2, 4 ... 512 and 6 are tried for SWEEP s (5) each; then `auto`, and the best of them once more, get
a list for which the best needs SECONDS s (30). Goodput is what is there by the last of it, in a second.

Bars: `auto` at least 0.9 of the best from start to end, and 0.95 after the first 10 s; of its requests at most 1 % are
refused by the cliff; the greedy penalty begins at most once; two share 60:40 at most, and hold at most twice what one
would; the list with bad origins takes at most 1.1 of the one without, and an item's deadline.

SEED=N repeats a run's parameters. AUTO=N tries a number in the place of `auto`. HOIST=FILE changes what is run, SCALE=N
divides the list of `origins`; name parts to run them alone. nginx is needed for its part.
"""

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import lab
from get_bars import NGINX

SECONDS = float(os.environ.get("SECONDS", "30"))
SWEEP = float(os.environ.get("SWEEP", str(min(5.0, SECONDS))))
SETTLED = min(10.0, SECONDS / 3)  # s
SCALE = int(os.environ.get("SCALE", "1"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1_000_000))))
AUTO = os.environ.get("AUTO", "auto")
FIXED = [1, 2, 4, 6, 8, 16, 32, 64, 128, 256, 512]
DEADLINE = 30  # s, of an item of `origins`
# Of `origins`. With 1,000 the slow ones alone would take 20 s: 10,000 URLs, 2 s each.
AT_ONCE = 4000


class Draw:
    """Parameters, evenly on a logarithmic scale: the same for the same seed and part."""

    def __init__(self, part):
        self.source = random.Random(f"{SEED} {part}")

    def number(self, least, most):
        return round(least * (most / least) ** self.source.random())

    def ms(self, least, most):
        return f"{self.number(least, most)}ms"

    def one_of(self, *choices):
        return self.source.choice(choices)


def models():
    """A model as it is written, and the bytes of each body, by name."""
    drawn = {}
    d = Draw("latency")
    drawn["latency"] = f"latency?takes={d.ms(5, 200)}", d.number(200, 4000)
    d = Draw("bandwidth")
    drawn["bandwidth"] = f"bandwidth?rate={d.number(2_000, 20_000)}K&takes={d.ms(5, 50)}", d.number(10_000, 100_000)
    d = Draw("knee")
    drawn["knee"] = f"knee?at={d.number(4, 128)}&takes={d.ms(5, 80)}", d.number(200, 4000)
    d = Draw("cliff")
    again = d.one_of("", "&retry-after=1", "&retry-after=2")
    drawn["cliff"] = f"cliff?at={d.number(8, 200)}&takes={d.ms(10, 100)}{again}", d.number(200, 4000)
    d = Draw("collapse")
    drawn["collapse"] = f"collapse?at={d.number(4, 100)}&takes={d.ms(5, 50)}", d.number(200, 4000)
    d = Draw("greedy")
    then = d.one_of("slow", "refuse")
    drawn["greedy"] = f"greedy?rate={d.number(50, 500)}&takes={d.ms(10, 50)}&then={then}", d.number(200, 4000)
    return drawn


class Getting:
    """A get that runs, and the times at which its outcomes came."""

    def __init__(self, hoist, folder, urls, number, *more, at_once=512):
        self.out = f"{folder}/out-{time.monotonic_ns()}"
        argv = [
            hoist, "get", "-i", urls, "-o", self.out, "--to", "tar:{shard:06}.tar", "--format", "jsonl",
            "--durable", "none", "-m", str(at_once), "--per-origin", str(number), *more,
        ]
        self.began = time.monotonic()
        self.child = lab.start(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.times = [(0.0, 0)]
        self.kinds = collections.Counter()

    def follow(self, limit=None):
        """Reads outcomes until the end, or interrupts it after so many seconds."""
        pipe, rest, ok, swept = self.child.stdout.fileno(), b"", 0, self.began
        stop = threading.Timer(limit, lambda: self.child.send_signal(signal.SIGINT)) if limit else None
        if stop:
            stop.start()
        while piece := os.read(pipe, 1 << 20):
            now = time.monotonic()
            *lines, rest = (rest + piece).split(b"\n")
            here = sum(b'"outcome":"ok"' in line for line in lines)
            ok += here
            if here:
                self.times.append((now - self.began, ok))
            if here < len(lines):
                for line in lines:
                    if b'"outcome":"ok"' not in line:
                        self.kinds[json.loads(line).get("kind", "none")] += 1
            if now > swept + 1:
                # Whole shards may be moved away: they would fill the memory.
                swept = now
                self.sweep()
        if stop:
            stop.cancel()
        self.code = self.child.wait()
        self.took = time.monotonic() - self.began
        if self.code not in (0, 1, 130):
            sys.exit(f"hoist could not go on: exit code {self.code}")
        subprocess.run(["rm", "-rf", self.out], check=False)
        return self

    def sweep(self):
        with contextlib.suppress(OSError):
            for name in os.listdir(self.out):
                if name.endswith(".tar"):
                    os.remove(f"{self.out}/{name}")

    @property
    def ok(self):
        return self.times[-1][1]

    def goodput(self, since=0.0, until=None):
        """Items a second, from the first to the second time, or the last item."""
        upto = [(at, n) for at, n in self.times if until is None or at <= until]
        (end, last) = upto[-1]
        before = max((n for at, n in upto if at <= since), default=0)
        return (last - before) / (end - since) if end > since else 0.0


def get(hoist, folder, urls, number, limit=None, *more, **options):
    return Getting(hoist, folder, urls, number, *more, **options).follow(limit)


def write(folder, base, n):
    path = f"{folder}/urls"
    with open(path, "w") as file:
        file.writelines(f"{base}{i}\n" for i in range(n))
    return path


@contextlib.contextmanager
def rehearsal(hoist, load, log=None, bind="127.0.0.1"):
    port = lab.free_port()
    argv = [hoist, "rehearse", "LOCAL", "--port", str(port), "--bind", bind]
    argv += ["--load", load] if load else []
    argv += ["--log", log] if log else []
    with lab.server(argv, port):
        yield f"http://127.0.0.1:{port}", port


@contextlib.contextmanager
def nginx(folder):
    lab.need(nginx="nginx")
    os.makedirs(f"{folder}/www", exist_ok=True)
    with open(f"{folder}/www/a", "wb") as file:
        file.write(random.Random(1).randbytes(2000))
    port = lab.free_port()
    config = NGINX.split("  server {{\n    listen 127.0.0.1:{tls}")[0] + "}}\n"
    config = config.replace(" listen 0.0.0.0:{every} backlog=16384;", "")
    user = "user root;" if os.geteuid() == 0 else ""
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(config.format(dir=folder, plain=port, user=user))
    with lab.server(["nginx", "-c", f"{folder}/nginx.conf"], port):
        yield f"http://127.0.0.1:{port}/a?"


def load_log(path):
    """The log's requests, as far as the model tells of them."""
    with open(path) as file:
        records = [json.loads(line) for line in file]
    return [record for record in records if "load" in record]


def compare(name, load, hoist, folder, serve, rows):
    """`auto` beside the fixed numbers. `serve(log)` gives the server, new for each run."""
    swept = {}
    # A client may have a second's requests at once before it is greedy.
    sweep = max(SWEEP, 5) if name == "greedy" else SWEEP
    for number in FIXED:
        with serve(None) as base:
            # More than can be had in that time.
            urls = write(folder, base, int(40_000 * sweep))
            run = get(hoist, folder, urls, number, sweep)
        swept[number] = run.ok / sweep
    best = max(swept, key=swept.get)
    claims = []
    runs = {}
    for number in [best, AUTO]:
        log = f"{folder}/log"
        with serve(log) as base:
            urls = write(folder, base, max(int(swept[best] * SECONDS), 100))
            runs[number] = get(hoist, folder, urls, number, 4 * SECONDS)
        logged = load_log(log) if load else []
        if number == AUTO:
            if name == "cliff":
                refused = sum(record["load"] == "refused" for record in logged)
                share = refused / max(len(logged), 1)
                claims.append((f"cliff: {share:.2%} of the requests refused, at most 1 %", share <= 0.01))
            if name == "greedy":
                caught = sum(record["load"] == "caught" for record in logged)
                claims.append((f"greedy: {caught} penalties, at most 1", caught <= 1))
    fixed, auto = runs[best], runs[AUTO]
    whole = auto.goodput() / max(fixed.goodput(), 1e-9)
    later = auto.goodput(SETTLED) / max(fixed.goodput(SETTLED), 1e-9)
    of_best = lambda number: f"{swept[number] / max(swept[best], 1e-9):.2f}"
    rows.append([
        name, load or "2,000 bytes", best, f"{fixed.goodput():,.0f}", f"{auto.goodput():,.0f}", f"{whole:.2f}",
        f"{later:.2f}", of_best(6), of_best(64), " ".join(f"{n}:{of_best(n)}" for n in FIXED if n not in (6, 64)),
    ])
    return claims + [
        (f"{name}: {AUTO} has {whole:.2f} of the best fixed number ({best}), bar 0.9", whole >= 0.9),
        (f"{name}: after {SETTLED:.0f} s {later:.2f}, bar 0.95", later >= 0.95),
    ]


def model(name, hoist, folder, rows):
    load, size = models()[name]

    @contextlib.contextmanager
    def serve(log):
        with rehearsal(hoist, load, log) as (base, _):
            yield f"{base}/bytes/{size}?x="

    return compare(name, load, hoist, folder, serve, rows)


def at_full_speed(hoist, folder, rows):
    @contextlib.contextmanager
    def serve(_):
        with nginx(folder) as base:
            yield base

    return compare("nginx", None, hoist, folder, serve, rows)


def held(log):
    """Requests in flight in the middle half of the run, on average."""
    logged = load_log(log)
    counts = [record["in_flight"] for record in logged[len(logged) // 4:len(logged) * 3 // 4]]
    return sum(counts) / max(len(counts), 1)


def two(hoist, folder, _):
    d = Draw("two")
    at, takes = d.number(8, 64), d.number(10, 50)
    load, size, log = f"knee?at={at}&takes={takes}ms", d.number(200, 4000), f"{folder}/log"
    each = max(int(1000 / takes * at * SECONDS / 2), 100)
    with rehearsal(hoist, load, log) as (base, _):
        urls = write(folder, f"{base}/bytes/{size}?x=", each)
        get(hoist, folder, urls, AUTO, 4 * SECONDS)
    alone = held(log)
    with rehearsal(hoist, load, log) as (base, _):
        urls = write(folder, f"{base}/bytes/{size}?x=", each)
        both = [Getting(hoist, folder, urls, AUTO) for _ in range(2)]
        following = [threading.Thread(target=one.follow, args=[4 * SECONDS]) for one in both]
        for thread in following:
            thread.start()
        for thread in following:
            thread.join()
    together = held(log)
    # While both run, and after they have found each other.
    until = min(one.times[-1][0] for one in both)
    since = min(SETTLED, until / 2)
    rates = [one.goodput(since, until) for one in both]
    share = max(rates) / max(sum(rates), 1e-9)
    print(f"two on {load}: {rates[0]:,.0f} and {rates[1]:,.0f} a second; {together:.1f} in flight, one alone {alone:.1f}\n")
    return [
        (f"two: the larger share is {share:.0%}, at most 60 %", share <= 0.6),
        (f"two: together {together:.1f} in flight, at most twice {alone:.1f}", together <= 2 * alone),
    ]


def origins(hoist, folder, _):
    origins, each = 20_000 // SCALE, 10
    source = random.Random(f"{SEED} origins")
    kinds = ["slow"] * (origins * 5 // 100) + ["dead"] * (origins * 2 // 100) + ["429"] * (origins // 100)
    kinds += ["good"] * (origins - len(kinds))
    source.shuffle(kinds)
    paths = {"slow": "/slow?delay=2&x=", "dead": "/fault/silent?x=", "429": "/status/429?x=", "good": "/bytes/500?x="}
    took = {}
    with rehearsal(hoist, None, bind="0.0.0.0") as (_, port):
        for which in ["without", "with"]:
            urls = f"{folder}/urls"
            with open(urls, "w") as file:
                for i in range(each):
                    for k, kind in enumerate(kinds):
                        if which == "with" or kind == "good":
                            host = f"127.{1 + k // 62_500}.{k // 250 % 250}.{1 + k % 250}"
                            file.write(f"http://{host}:{port}{paths[kind]}{i}\n")
            run = get(hoist, folder, urls, AUTO, 600, "--deadline", str(DEADLINE), at_once=AT_ONCE)
            took[which] = run.took
            told = run.ok + sum(run.kinds.values())
            lines = each * (len(kinds) if which == "with" else kinds.count("good"))
            assert told == lines, f"{told} outcomes of {lines} lines"
            print(f"origins, {which} bad ones: {run.took:.1f} s, {run.ok:,} ok, {dict(run.kinds)}")
    print()
    most = 1.1 * took["without"] + DEADLINE
    return [(f"origins: {took['with']:.1f} s with the bad ones, at most {most:.1f}", took["with"] <= most)]


PARTS = {name: (lambda *a, name=name: model(name, *a)) for name in models()}
PARTS |= {"nginx": at_full_speed, "two": two, "origins": origins}


def main():
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        sys.exit(f"no part is called {unknown[0]!r}; there are: {', '.join(PARTS)}")
    hoist = lab.hoist()
    with lab.scratch() as folder:
        nothing = [hoist, "get", "--per-origin", AUTO, "-i", os.devnull, "-o", folder]
        tried = subprocess.run(nothing, capture_output=True)
    if tried.returncode == 2:
        sys.exit(f"this hoist does not take --per-origin {AUTO}; AUTO=N tries a number in its place")
    print(f"SEED={SEED}, {SECONDS:g} s\n", flush=True)
    rows, claims = [], []
    for name in chosen:
        with lab.scratch() as folder:
            claims += PARTS[name](hoist, folder, rows)
    if rows:
        head = ["server", "drawn", "best", "its items/s", f"{AUTO}", "of the best", f"after {SETTLED:.0f} s",
                "fixed 6", "fixed 64", "others"]
        lab.table(head, rows)
    lab.verdict(claims)


if __name__ == "__main__":
    main()
