#!/usr/bin/env python3
"""`hoist get` beside curl, wget2 and a loop in C, in the same minutes.

Servers run on one core, clients on the other, files go to a folder in memory; all programs take
turns, so that whatever else the machine does hits each of them. Every byte is compared; of the
origins only that all files are there, of the far ones the exit code. Parts:

  small     18,000 files of 2 KB, 64 connections, saved and on record; and into shards
  tls       the same over TLS 1.3, and over HTTP/2
  medium    2,000 files of 100 KB
  big       one file of 1 GiB
  origins   10,000 origins (127.x.y.z), 10 files each
  far       answers after 100 ms, 64 connections
  start     `hoist --version`

Claims are printed with their figures; the exit code is 1 when one does not hold. Memory has a bench of
its own (get_memory.py), and so has durability (get_durable.py).

Needs nginx, curl, wget2, gcc and openssl. RUNS=N (5) and HOIST=FILE change what is run; name parts to
run them alone.
"""

import contextlib
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass

import lab

AT_ONCE = 64

NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log crit; {user}
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; keepalive_timeout 300;
  open_file_cache max=100000 inactive=1h; open_file_cache_valid 1h; open_file_cache_min_uses 1;
  client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3;
  uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
  server {{
    listen 127.0.0.1:{plain} backlog=4096; listen 0.0.0.0:{every} backlog=16384;
    root {dir}/www;
  }}
  server {{
    listen 127.0.0.1:{tls} ssl http2; http2_max_concurrent_streams 256;
    ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
    ssl_protocols TLSv1.3; ssl_session_cache shared:s:10m;
    root {dir}/www;
  }}
}}
"""


@dataclass
class Ground:
    """What all parts share."""

    hoist: str
    folder: str
    plain: int
    tls: int
    every: int

    def files(self, name, count, size):
        """A folder of files that nginx serves."""
        at = f"{self.folder}/www/{name}"
        os.makedirs(at)
        source = random.Random(1)
        for i in range(count):
            with open(f"{at}/{i}.bin", "wb") as file:
                for begin in range(0, size, 1 << 20):
                    file.write(source.randbytes(min(1 << 20, size - begin)))
        return [f"{name}/{i}.bin" for i in range(count)]

    def lists(self, urls, paths):
        """The same list for hoist and wget2, and for curl."""
        ours, curl = f"{self.folder}/urls.txt", f"{self.folder}/urls.curl"
        with open(ours, "w") as for_hoist, open(curl, "w") as for_curl:
            for url, path in zip(urls, paths):
                for_hoist.write(f"{url}\n")
                for_curl.write(f'url = "{url}"\noutput = "{path}"\n')
        return ours, curl

    def get(self, urls, *more, at_once=AT_ONCE):
        per_origin = min(at_once, AT_ONCE)
        return [
            self.hoist, "get", "-i", urls, "-o", ".", "-m", str(at_once),
            "--per-origin", str(per_origin), "--quiet", *more,
        ]

    def curl(self, urls, *more, at_once=AT_ONCE):
        return [
            "curl", "-s", "-Z", "--parallel-max", str(at_once), "--create-dirs", *more, "-K", urls,
        ]

    def ceiling(self):
        """The loop in C, built."""
        program = f"{self.folder}/ceiling"
        source = f"{lab.ROOT}/benches/clients/ceiling.c"
        subprocess.run(["gcc", "-O2", "-o", program, source], check=True)
        return program


def certificate(folder):
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
            "-addext", "basicConstraints=critical,CA:FALSE",
        ],
        check=True, capture_output=True,
    )


class Race:
    """Programs that do the same work in turn."""

    def __init__(self, ground, items, where=None):
        self.ground = ground
        self.items = items
        # On a disk each run gets a fresh folder: what is deleted would slow down who comes next.
        self.where = where or ground.folder
        self.fresh = where is not None
        self.runs = {}
        self.wrong = []

    def run(self, programs, compare):
        """`programs`: name to (argv, folder that it saves into). One round more than is counted: the
        first warms nginx's cache of open files."""
        for round_ in range(lab.RUNS + 1):
            for name, (argv, saved_in) in programs.items():
                out = f"{self.where}/{len(os.listdir(self.where)) if self.fresh else 'out'}"
                os.makedirs(f"{out}/{saved_in or ''}" if name.startswith("C ") else out)
                if self.fresh:
                    # What the one before left to be written is not this one's.
                    os.sync()
                figures = lab.run(argv, timeout=600, cwd=out)
                if figures.code != 0 or (saved_in and not compare(f"{out}/{saved_in}")):
                    self.wrong.append(f"{name}, round {round_}, exit code {figures.code}")
                if round_ > 0:
                    self.runs.setdefault(name, []).append(figures)
                if not self.fresh:
                    shutil.rmtree(out)

    def cpu(self, name):
        return lab.median(f.cpu for f in self.runs[name]) / self.items * 1e6

    def wall(self, name):
        return lab.median(f.wall for f in self.runs[name])

    def table(self, title):
        print(f"\n{title}, medians of {lab.RUNS} runs\n")
        lab.table(
            ["program", "CPU us an item", "from .. to", "wall s", "items/s"],
            [
                [
                    name,
                    f"{self.cpu(name):,.1f}",
                    "{:,.1f} .. {:,.1f}".format(
                        *(pick(f.cpu for f in runs) / self.items * 1e6 for pick in (min, max))
                    ),
                    f"{self.wall(name):.2f}",
                    f"{self.items / self.wall(name):,.0f}",
                ]
                for name, runs in self.runs.items()
            ],
        )
        return [("; not: ".join([f"{title}: all bytes are the same", *self.wrong]), not self.wrong)]

    def at_most(self, what, ours, theirs, bar, measure="cpu"):
        """A claim: ours is at most `bar` of theirs."""
        read = getattr(self, measure)
        ratio = read(ours) / read(theirs)
        return (f"{what}: {ratio:.2f} of {theirs}'s (bar {bar})", ratio <= bar)


def same(ours, theirs):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(["diff", "-rq", ours, theirs], **quiet).returncode == 0


def small(ground):
    paths = ground.files("small", 18_000, 2_048)
    urls, curl = ground.lists((f"http://127.0.0.1:{ground.plain}/{path}" for path in paths), paths)
    race = Race(ground, len(paths))
    race.run(
        {
            "hoist get": (ground.get(urls), f"127.0.0.1_{ground.plain}/small"),
            "hoist get --to tar:": (ground.get(urls, "--to", "tar:{shard:03}.tar"), None),
            "curl -Z": (ground.curl(curl), "small"),
            "wget2": (
                ["wget2", "-q", "-i", urls, "--max-threads", "8", "-P", "small", "--no-directories"], "small",
            ),
            "C loop": (
                [ground.ceiling(), urls, str(ground.plain), str(AT_ONCE), "small"], "small",
            ),
        },
        lambda saved: same(saved, f"{ground.folder}/www/small"),
    )
    claims = race.table("18,000 files of 2 KB")
    better = min(["curl -Z", "wget2"], key=race.wall)
    return claims + [
        race.at_most("2 KB, CPU", "hoist get", "curl -Z", 0.6),
        race.at_most("2 KB, wall", "hoist get", better, 0.6, "wall"),
        race.at_most("2 KB into shards, CPU", "hoist get --to tar:", "curl -Z", 0.4),
        race.at_most("2 KB, CPU", "hoist get", "C loop", 2.0),
    ]


def tls(ground):
    paths = [f"small/{i}.bin" for i in range(18_000)]
    if not os.path.exists(f"{ground.folder}/www/small"):
        ground.files("small", len(paths), 2_048)
    urls, curl = ground.lists((f"https://127.0.0.1:{ground.tls}/{path}" for path in paths), paths)
    ca = ["--cacert", f"{ground.folder}/cert.pem"]
    race = Race(ground, len(paths))
    saved_in = f"127.0.0.1_{ground.tls}/small"
    race.run(
        {
            "hoist get --http1.1": (ground.get(urls, *ca, "--http1.1"), saved_in),
            "curl -Z --http1.1": (ground.curl(curl, *ca, "--http1.1"), "small"),
            "hoist get (HTTP/2)": (ground.get(urls, *ca), saved_in),
            "curl -Z (HTTP/2)": (ground.curl(curl, *ca), "small"),
        },
        lambda saved: same(saved, f"{ground.folder}/www/small"),
    )
    return race.table("18,000 files of 2 KB over TLS 1.3") + [
        race.at_most("TLS, HTTP/1.1, CPU", "hoist get --http1.1", "curl -Z --http1.1", 1),
        race.at_most("TLS, HTTP/1.1, wall", "hoist get --http1.1", "curl -Z --http1.1", 1, "wall"),
        race.at_most("TLS, HTTP/2, CPU", "hoist get (HTTP/2)", "curl -Z (HTTP/2)", 1),
        race.at_most("TLS, HTTP/2, wall", "hoist get (HTTP/2)", "curl -Z (HTTP/2)", 1, "wall"),
    ]


def medium(ground):
    paths = ground.files("medium", 2_000, 100_000)
    urls, curl = ground.lists((f"http://127.0.0.1:{ground.plain}/{path}" for path in paths), paths)
    race = Race(ground, len(paths))
    race.run(
        {
            "hoist get": (ground.get(urls), f"127.0.0.1_{ground.plain}/medium"),
            "curl -Z": (ground.curl(curl), "medium"),
        },
        lambda saved: same(saved, f"{ground.folder}/www/medium"),
    )
    claims = race.table("2,000 files of 100 KB")
    return claims + [race.at_most("100 KB, CPU", "hoist get", "curl -Z", 0.8)]


def big(ground):
    paths = ground.files("big", 1, 1 << 30)
    urls, curl = ground.lists([f"http://127.0.0.1:{ground.plain}/{paths[0]}"], paths)
    race = Race(ground, 1)
    race.run(
        {
            "hoist get": (ground.get(urls), f"127.0.0.1_{ground.plain}/big"),
            "wget2": (["wget2", "-q", "-i", urls, "-P", "big", "--no-directories"], "big"),
            "curl -Z": (ground.curl(curl), "big"),
        },
        lambda saved: same(saved, f"{ground.folder}/www/big"),
    )
    shutil.rmtree(f"{ground.folder}/www/big")
    return race.table("one file of 1 GiB") + [
        race.at_most("1 GiB, wall", "hoist get", "wget2", 1.0, "wall"),
        race.at_most("1 GiB, CPU", "hoist get", "wget2", 1.1),
    ]


def origins(ground):
    """10,000 addresses, 10 files each, in turn: the worst order for a pool."""
    os.makedirs(f"{ground.folder}/www/ten")
    for i in range(10):
        with open(f"{ground.folder}/www/ten/{i}.bin", "wb") as file:
            file.write(bytes([i]) * 2_048)
    hosts = [f"127.{20 + n // 2_500}.{1 + n // 250 % 10}.{1 + n % 250}" for n in range(10_000)]
    items = [(host, i) for i in range(10) for host in hosts]
    urls, curl = ground.lists(
        (f"http://{host}:{ground.every}/ten/{i}.bin" for host, i in items),
        (f"{host}/{i}.bin" for host, i in items),
    )
    race = Race(ground, len(items))

    def right(out):
        found = sum(len(files) for folder, _, files in os.walk(out) if "/.hoist" not in folder)
        return found == len(items)

    race.run(
        {
            "hoist get": (ground.get(urls, at_once=1_000), "."),
            "curl -Z": (ground.curl(curl, at_once=300), "."),
        },
        right,
    )
    claims = race.table("10,000 origins, 10 files of 2 KB each")
    return claims + [race.at_most("10,000 origins, wall", "hoist get", "curl -Z", 0.5, "wall")]


def far(ground):
    """Answers after 100 ms: 64 at once are at best 640 a second."""
    port = lab.free_port()
    items = 6_400
    with open(f"{ground.folder}/far.txt", "w") as list_:
        list_.writelines(f"http://127.0.0.1:{port}/flags/va/va.gif?i={i}\n" for i in range(items))
    rates = []
    argv = [ground.hoist, "rehearse", "DELAY", "--port", str(port), "--delay", "0.1s..0.1s"]
    with lab.server(argv, port):
        for _ in range(lab.RUNS):
            out = f"{ground.folder}/out"
            os.mkdir(out)
            figures = lab.run(ground.get(f"{ground.folder}/far.txt"), cwd=out)
            if figures.code != 0:
                sys.exit(f"hoist get ended with {figures.code}")
            rates.append(items / figures.wall)
            shutil.rmtree(out)
    rate = lab.median(rates)
    return [(f"answers after 100 ms, 64 at once: {rate:.0f} a second (bar 608)", rate >= 608)]


def start(ground):
    """From nothing to the end of what has nothing to do."""
    walls = [lab.run([ground.hoist, "--version"]).wall for _ in range(20)]
    wall = lab.median(walls) * 1e3
    return [(f"start-up: {wall:.1f} ms (bar 20)", wall < 20)]


PARTS = {part.__name__: part for part in (small, tls, medium, big, origins, far, start)}


@contextlib.contextmanager
def ground():
    """The command, and nginx in a folder in memory."""
    lab.need(nginx="nginx-light", openssl="openssl")
    hoist = lab.hoist()
    with lab.scratch() as folder:
        made = Ground(hoist, folder, *(lab.free_port() for _ in range(3)))
        certificate(folder)
        os.mkdir(f"{folder}/www")
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{folder}/nginx.conf", "w") as conf:
            conf.write(NGINX.format(
                dir=folder, user=user, plain=made.plain, tls=made.tls, every=made.every
            ))
        with lab.server(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder], made.plain):
            yield made


def main():
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f"no such part: {' '.join(unknown)}; there are: {' '.join(PARTS)}")
    lab.need(curl="curl", wget2="wget2", gcc="gcc")
    claims = []
    with ground() as shared:
        for name in chosen:
            claims += PARTS[name](shared)
    lab.verdict(claims)


if __name__ == "__main__":
    main()
