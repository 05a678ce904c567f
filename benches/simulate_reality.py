#!/usr/bin/env python3
"""`hoist simulate` beside the same job made: the same list, got from `hoist rehearse --load`, and simulated with a model
that says the same. The bar: the durations agree within 15 %.

Of each load model one or two jobs of about 10 to 30 s each; and one of many origins (127.0.x.y), of which some are slow and some
refuse connections.

CPU=40us says what an attempt occupies the client with. HOIST=FILE changes what is run; name parts to run them alone.
"""

import json
import os
import random
import subprocess
import sys
import time

import lab
from tuning_bars import rehearsal

CPU = os.environ.get("CPU", "40us")

# Name: the load, bytes of a body, items, more options.
JOBS = {
    "latency": ("latency?takes=60ms", 2000, 40_000, []),
    "latency, 8 at once": ("latency?takes=30ms", 2000, 4_000, ["--per-origin", "8"]),
    "bandwidth": ("bandwidth?rate=4M&takes=20ms", 40_000, 2_000, []),
    "knee": ("knee?at=24&takes=30ms", 2000, 12_000, []),
    "cliff": ("cliff?at=40&takes=40ms&retry-after=1", 2000, 12_000, []),
    "collapse": ("collapse?at=30&takes=25ms", 2000, 12_000, []),
    "greedy": ("greedy?rate=80&for=5s&takes=20ms", 2000, 400, ["--per-origin", "8"]),
}

ORIGINS = 200


def simulated(hoist, folder, model, options):
    path = f"{folder}/model.toml"
    with open(path, "w") as file:
        file.write(model)
    told = subprocess.run([hoist, "simulate", path, "--json", *options], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def made(hoist, folder, urls, options):
    out = f"{folder}/out-{time.monotonic_ns()}"
    argv = [hoist, "get", "-i", urls, "-o", out, "--to", "tar:{shard:06}.tar", "--durable", "none", "-q", *options]
    began = time.monotonic()
    code = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False).returncode
    took = time.monotonic() - began
    if code not in (0, 1):
        sys.exit(f"hoist could not go on: exit code {code}")
    stats = subprocess.run([hoist, "outcomes", out, "--stats"], check=True, capture_output=True, text=True).stdout
    subprocess.run(["rm", "-rf", out], check=True)
    return took, stats.splitlines()[0]


def row(name, real, virtual, told):
    ratio = virtual["ms"] / 1e3 / real
    good = abs(ratio - 1) <= 0.15
    counts = ", ".join(f"{virtual[k]} {k}" for k in ("ok", "failed", "deferred", "refusals") if virtual[k])
    print(f"{' ' if good else '*'} {name:20} made {real:7.2f} s, simulated {virtual['ms'] / 1e3:7.2f} s: {ratio:.3f}"
          f"    made: {told}; simulated: {counts}", flush=True)
    return good


def job(name, hoist, folder):
    load, size, items, options = JOBS[name]
    options = ["-m", "512", *options]
    with rehearsal(hoist, load) as (base, _):
        urls = f"{folder}/urls"
        with open(urls, "w") as file:
            file.writelines(f"{base}/bytes/{size}?id={i}\n" for i in range(items))
        real, told = made(hoist, folder, urls, options)
    model = f"""
items = {items}
origins = 1
client = {{ cpu = "{CPU}" }}
[origin]
latency = "200us"
size = {size}
load = "{load}"
"""
    return row(name, real, simulated(hoist, folder, model, options), told)


def origins(hoist, folder):
    """100 items each, shuffled; an origin in ten is slow, one in twenty refuses connections."""
    items, options = 100 * ORIGINS, ["-m", "256", "--per-origin", "4"]
    slow, gone = ORIGINS // 10, ORIGINS // 20
    with rehearsal(hoist, None, bind="0.0.0.0") as (_, port):
        refuses = lab.free_port()
        lines = []
        for n in range(ORIGINS):
            host, delay = f"127.0.{1 + n // 200}.{1 + n % 200}", 1.0 if n < slow else 0.05
            at = refuses if slow <= n < slow + gone else port
            lines += [f"http://{host}:{at}/slow?delay={delay}&id={i}\n" for i in range(items // ORIGINS)]
        random.Random(7).shuffle(lines)
        with open(f"{folder}/urls", "w") as file:
            file.writelines(lines)
        real, told = made(hoist, folder, f"{folder}/urls", options)
    model = f"""
items = {items}
origins = {ORIGINS}
client = {{ cpu = "{CPU}" }}
[origin]
latency = "50ms"
[[group]]
share = {slow / ORIGINS}
latency = "1s"
[[group]]
share = {gone / ORIGINS}
latency = "200us"
dead = "refused"
"""
    return row("origins", real, simulated(hoist, folder, model, options), told)


def main():
    hoist = lab.hoist()
    parts = sys.argv[1:] or [*JOBS, "origins"]
    with lab.scratch() as folder:
        good = [origins(hoist, folder) if part == "origins" else job(part, hoist, folder) for part in parts]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
