#!/usr/bin/env python3
"""`hoist probe` beside massdns, dnsperf and a loop in C, in the same minutes.

The name server (knot, or nsd) runs on one core and has a large receive buffer, the clients run on the
other; lists come from files in memory and outcomes go to files in memory. The programs take turns. Every
output is checked, line by line, against what the zone says: each name once, none wrong, none lost. Parts:

  bulk      1,000,000 names of a zone, half existing: CPU a name, names a second
  loss      the same where 0, 1 and 5 % of the packets are lost, each way (in a network of its own; root)
  memory    100,000, a million and ten million names, on record: peak memory, CPU a name
  latency   answers after 50 to 500 ms: the time for a list over the slowest answer in it

Claims are printed with their figures; the exit code is 1 when one does not hold.

Needs knot or nsd, dnsperf, gcc, and for `loss` iptables and iproute2; massdns where it is on PATH or
MASSDNS=FILE. As root the servers get their large receive buffer; without it queries may be lost. `memory`
takes 4 GB of /dev/shm. RUNS=N (5), NAMES=N (1000000), HOIST=FILE and MORE=OPTIONS (for `hoist probe`)
change what is run; name parts to run them alone.
"""

import contextlib
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import lab

NAMES = int(os.environ.get("NAMES", "1000000"))
MORE = shlex.split(os.environ.get("MORE", ""))
WINDOW = 1_000  # queries at once, of dnsperf and the loop in C
BUFFER = 4 << 20  # bytes, of the server's socket
LOSSES = (0, 1, 5)  # per cent, each way
TIMEOUT = 900  # s, for one run
LIBC = ctypes.CDLL(None, use_errno=True)

KNOT = """
server:
  rundir: {dir}
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  udp-max-payload: 1232
database:
  storage: {dir}/knot
log:
  - target: {dir}/knot.log
    any: warning
template:
  - id: default
    storage: {dir}
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: test
    file: {dir}/test.zone
"""
NSD = """
server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: "{user}"
  pidfile: "{dir}/nsd.pid"
  zonesdir: "{dir}"
  xfrdfile: "{dir}/xfrd.state"
  zonelistfile: "{dir}/zone.list"
  receive-buffer-size: {buffer}
  send-buffer-size: {buffer}
  rrl-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: test
  zonefile: "{dir}/test.zone"
"""


# --- names and what is true of them ----------------------------------------------------------------


class Zone:
    """Names of 5 to 14 letters and their number under `test`; those with an even number exist."""

    suffix = ".test"

    def label(self, i):
        mixed = (i * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        text = "".join("abcdefghijklmnopqrstuvwxyz"[(mixed >> shift) % 26] for shift in range(0, 56, 4))
        return f"{text[: 5 + mixed % 10]}-{i}"

    def name(self, i):
        return self.label(i) + self.suffix

    def address(self, i):
        return None if i % 2 else f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"

    def number(self, name):
        return int(name[name.index("-") + 1 : -len(self.suffix)])


class Wildcards(Zone):
    """Any number of names: all under `y.test` exist, and none under `n.test`."""

    suffix = ".y.test"

    def name(self, i):
        return f"{self.label(i)}.{'ny'[i % 2 == 0]}.test"

    def address(self, i):
        return None if i % 2 else "10.9.9.9"


def write_zone(path, count):
    zone = Zone()
    with open(path, "w") as file:
        file.write("$ORIGIN test.\n$TTL 300\n@ SOA ns hm 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n")
        file.write("*.y A 10.9.9.9\nn A 10.9.9.8\n")
        file.writelines(f"{zone.label(i)} A {zone.address(i)}\n" for i in range(0, count, 2))


def write_list(path, zone, count, form="{}\n"):
    with open(path, "w") as file:
        file.writelines(form.format(zone.name(i)) for i in range(count))


# --- what the programs say -------------------------------------------------------------------------


def hoist_lines(file):
    for line in file:
        outcome = json.loads(line)
        told = {"found": outcome["addresses"], "not_found": [None]}.get(outcome["verdict"], ["?"])
        yield outcome["name"], told[0] if len(told) == 1 else str(told)


def massdns_lines(file):
    """Of `-o J`: a line for each answer, and with `e` one for each name that is given up."""
    for line in file:
        outcome = json.loads(line)
        told = "?"
        if outcome.get("status") == "NXDOMAIN":
            told = None
        elif outcome.get("status") == "NOERROR":
            answers = outcome["data"].get("answers", [])
            told = answers[0]["data"] if len(answers) == 1 else str(answers)
        yield outcome["name"].rstrip("."), told


def ceiling_lines(file):
    for line in file:
        name, told = line.split()
        yield name, None if told == "NX" else told


def check(zone, count, lines):
    """How many names have a wrong answer, and how many none, or more than one."""
    seen = bytearray(count)
    wrong = lost = 0
    for name, told in lines:
        try:
            i = zone.number(name)
            again, seen[i] = seen[i], 1
        except (ValueError, IndexError):
            wrong += 1
            continue
        if told == "?":
            lost += 1
        elif again or zone.name(i) != name or zone.address(i) != told:
            wrong += 1
    return wrong, lost + seen.count(0)


# --- runs ------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One run of a program."""

    wall: float  # s
    cpu: float  # s
    memory: float  # MiB, at its peak
    server: float  # share of its core that the server took
    wrong: int
    lost: int


def cpu_of(pid):
    """CPU time of a process with all its threads, and of its children, in seconds."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    children = []
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_of(int(child)) for child in children)


def measure(argv, server, out, stdout=None):
    """Runs a program to its end; `stdout` is where its standard output goes."""
    with open(stdout or os.devnull, "wb") as file, open(f"{out}.err", "wb") as errors:
        served, began = cpu_of(server.pid), time.monotonic()
        child = lab.start(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=errors)
        memory = 0
        while True:
            memory = max(memory, lab.peak_memory(child.pid))
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            wall = time.monotonic() - began
            if pid:
                break
            if wall > TIMEOUT:
                child.kill()
            time.sleep(min(0.02, wall / 20))
        child.returncode = os.waitstatus_to_exitcode(status)
        served = cpu_of(server.pid) - served
    if child.returncode == -signal.SIGKILL:
        sys.exit(f"{argv[0]} was not done after {TIMEOUT} s")
    return Run(wall, usage.ru_utime + usage.ru_stime, memory, served / wall, 0, 0)


@dataclass
class Program:
    """What to run, and how to read what it says. `OUT` in its argv is the file for that; with none, its
    standard output is."""

    name: str
    argv: list
    lines: object


class Race:
    """Programs that do the same in turn."""

    def __init__(self, ground, zone, count, runs):
        self.ground, self.zone, self.count, self.rounds = ground, zone, count, runs
        self.runs = {}

    def run(self, programs, server):
        for round_ in range(self.rounds):
            for program in programs:
                self.runs.setdefault(program.name, []).append(self.once(program, server))

    def once(self, program, server):
        folder = f"{self.ground.folder}/out"
        os.mkdir(folder)
        out = f"{folder}/answers"
        argv = [out if word == "OUT" else word for word in program.argv]
        run = measure(argv, server, out, None if "OUT" in program.argv else out)
        if program.lines is dnsperf_lost:
            run.lost = dnsperf_lost(out, self.count)
        else:
            with open(out) as file:
                run.wrong, run.lost = check(self.zone, self.count, program.lines(file))
        if run.wrong or run.lost:
            with open(f"{out}.err", errors="replace") as errors:
                sys.stderr.write(f"{program.name}: {run.wrong} wrong, {run.lost} lost. {errors.read()[-500:]}\n")
        shutil.rmtree(folder)
        return run

    def cpu(self, name):
        """Of a name, in microseconds."""
        return lab.median(run.cpu for run in self.runs[name]) / self.count * 1e6

    def rate(self, name):
        """Names a second."""
        return self.count / lab.median(run.wall for run in self.runs[name])

    def server(self, name):
        """Share of the server's core that was taken."""
        return lab.median(run.server for run in self.runs[name])

    def faults(self, name):
        return tuple(max(getattr(run, what) for run in self.runs[name]) for what in ("wrong", "lost"))

    def table(self, title):
        print(f"\n{title}, medians of {self.rounds}\n")
        rows = []
        for name, runs in self.runs.items():
            low, high = (pick(run.cpu for run in runs) / self.count * 1e6 for pick in (min, max))
            wrong, lost = self.faults(name)
            rows.append([
                name, f"{self.cpu(name):.2f}", f"{low:.2f} .. {high:.2f}", f"{self.rate(name):,.0f}",
                f"{self.server(name):.0%}", f"{max(run.memory for run in runs):.0f}", wrong, lost,
            ])
        lab.table(
            [
                "program", "CPU us a name", "from .. to", "names/s", "server's core", "peak MiB", "wrong",
                "lost",
            ],
            rows,
        )

    def whole(self, title, name):
        wrong, lost = self.faults(name)
        return (f"{title}, {name}: wrong {wrong}, lost {lost}", (wrong, lost) == (0, 0))

    def at_most(self, title, ours, theirs, bar):
        ratio = self.cpu(ours) / self.cpu(theirs)
        return (f"{title}, CPU a name: {ratio:.2f} of {theirs}'s (bar {bar})", ratio <= bar)


def dnsperf_lost(out, count):
    """dnsperf tells only how many were answered."""
    with open(out) as file:
        answered = re.search(r"Queries completed:\s+(\d+)", file.read())
    return count - int(answered.group(1)) if answered else count


# --- the ground ------------------------------------------------------------------------------------


class ReceiveBuffer:
    """Sockets that are opened within the block get a large receive buffer: not every server can ask for
    one itself. The file is opened at the start, since a network of one's own may not show it."""

    def __init__(self):
        self.file = None
        with contextlib.suppress(OSError):
            self.file = open("/proc/sys/net/core/rmem_default", "r+")

    def write(self, size):
        self.file.seek(0)
        self.file.write(f"{size}\n")
        self.file.flush()

    @contextlib.contextmanager
    def large(self):
        if not self.file:
            yield
            return
        self.file.seek(0)
        before = int(self.file.read())
        self.write(max(before, BUFFER))
        try:
            yield
        finally:
            self.write(before)


@dataclass
class Ground:
    """What all parts share."""

    hoist: str
    folder: str
    buffer: ReceiveBuffer

    def probe(self, names, port, *more):
        return [
            self.hoist, "probe", "-i", names, "-t", "A", "--via", f"dns://127.0.0.1:{port}",
            "--format", "jsonl", *MORE, *more,
        ]

    def zone(self):
        """The zone, made once."""
        path = f"{self.folder}/test.zone"
        if not os.path.exists(path):
            write_zone(path, NAMES)

    def list(self, name, zone, count, form="{}\n"):
        path = f"{self.folder}/{name}"
        if not os.path.exists(path):
            write_list(path, zone, count, form)
        return path

    def ceiling(self):
        """The loop in C, built."""
        program = f"{self.folder}/dns_ceiling"
        source = f"{lab.ROOT}/benches/clients/dns_ceiling.c"
        subprocess.run(["gcc", "-O2", "-o", program, source], check=True)
        return program

    @contextlib.contextmanager
    def server(self):
        """A name server for the zone; gives its port and its process."""
        self.zone()
        port = lab.free_port()
        fields = {"dir": self.folder, "port": port, "buffer": BUFFER, "user": ""}
        config = f"{self.folder}/server.conf"
        if shutil.which("knotd"):
            text, argv = KNOT, ["knotd", "-c", config]
            os.makedirs(f"{self.folder}/knot", exist_ok=True)
        else:
            text, argv = NSD, ["nsd", "-d", "-c", config]
            fields["user"] = "root" if os.getuid() == 0 else ""
        with open(config, "w") as file:
            file.write(text.format(**fields))
        with contextlib.ExitStack() as stack:
            with self.buffer.large():
                child = stack.enter_context(lab.server(argv, port))
            # It listens before the zone is read.
            began = time.monotonic()
            while not resolves("ns.test", port):
                if time.monotonic() - began > 120:
                    sys.exit(f"{argv[0]} does not answer for its zone")
                time.sleep(0.1)
            yield port, child


def resolves(name, port):
    """Whether the server answers for a name, with an address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 1, 0, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, contextlib.suppress(OSError):
        s.settimeout(0.2)
        s.connect(("127.0.0.1", port))
        s.send(query)
        answer = s.recv(1500)
        return answer[3] & 15 == 0 and answer[7] > 0
    return False


def massdns(ground, port, names, *options):
    """A run of massdns, where there is one; of `-o J` or `-o Je`."""
    program = os.environ.get("MASSDNS") or shutil.which("massdns")
    if not program:
        return []
    resolvers = f"{ground.folder}/resolvers.txt"
    with open(resolvers, "w") as file:
        file.write(f"127.0.0.1:{port}\n")
    fixed = ["--root", "-q", "-r", resolvers, "-t", "A", "--processes", "1"]
    argv = [os.path.abspath(program), *fixed, *options, "-w", "OUT", names]
    return [Program(" ".join(["massdns", *options]), argv, massdns_lines)]


def ceiling(ground, port, names):
    argv = [ground.ceiling(), names, str(port), str(WINDOW), "OUT"]
    return Program("C loop", argv, ceiling_lines)


# --- the parts -------------------------------------------------------------------------------------


def bulk(ground):
    zone = Zone()
    names = ground.list("names.txt", zone, NAMES)
    for_dnsperf = ground.list("dnsperf.txt", zone, NAMES, "{} A\n")
    title = f"{NAMES:,} names"
    race = Race(ground, zone, NAMES, lab.RUNS)
    with ground.server() as (port, server):
        perf = [
            "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", for_dnsperf, "-q", str(WINDOW),
            "-c", "1", "-T", "1", "-n", "1", "-t", "2", "-b", str(BUFFER >> 10),
        ]
        theirs = massdns(ground, port, names, "-s", str(WINDOW), "-o", "J")
        race.run(
            [
                Program("hoist probe", ground.probe(names, port), hoist_lines),
                Program("hoist probe -o", ground.probe(names, port, "-o", "OUT"), hoist_lines),
                *theirs,
                Program("dnsperf", perf, dnsperf_lost),
                ceiling(ground, port, names),
            ],
            server,
        )
    race.table(title)
    claims = [
        race.whole(title, "hoist probe"),
        race.whole(title, "hoist probe -o"),
        race.at_most(title, "hoist probe", "dnsperf", 0.7),
        race.at_most(title, "hoist probe", "C loop", 1.2),
    ]
    full = race.server("hoist probe")
    if not theirs:
        print("\nno massdns: set MASSDNS=FILE to run it as well")
        claims.append((f"{title}: the server's core is {full:.0%} taken (bar 95%)", full >= 0.95))
        return claims
    massdns_ = theirs[0].name
    ratio = race.rate("hoist probe") / race.rate(massdns_)
    claims.append(race.at_most(title, "hoist probe", massdns_, 0.65))
    claims.append((
        f"{title}, names a second: {ratio:.2f} of {massdns_}'s (bar 1.1), or the server's core is full:"
        f" {full:.0%} (bar 95%)",
        ratio >= 1.1 or full >= 0.95,
    ))
    return claims


def loss(ground):
    if os.getuid() != 0:
        return [("loss: needs root, for a network of its own", False)]
    lab.need(ip="iproute2", iptables="iptables")
    zone = Zone()
    names = ground.list("names.txt", zone, NAMES)
    claims = []
    with network(), ground.server() as (port, server):
        for per_cent in LOSSES:
            drop(port, per_cent)
            title = f"{NAMES:,} names, {per_cent} % lost each way"
            # 10,000 at once that are asked again after 100 ms overrun the server, and nearly all is lost.
            settings = [["-s", "10000"], ["-s", "1000"], ["-s", "1000", "-i", "100"]]
            theirs = [
                program
                for options in settings
                for program in massdns(ground, port, names, *options, "-o", "Je")
            ]
            race = Race(ground, zone, NAMES, min(lab.RUNS, 3))
            race.run(
                [
                    Program("hoist probe", ground.probe(names, port), hoist_lines),
                    *theirs,
                    ceiling(ground, port, names),
                ],
                server,
            )
            race.table(title)
            claims.append(race.whole(title, "hoist probe"))
            if theirs and per_cent == LOSSES[-1]:
                names_ = [program.name for program in theirs]
                best = max([name for name in names_ if not any(race.faults(name))] or names_, key=race.rate)
                ratio = race.rate("hoist probe") / race.rate(best)
                claim = f"{title}, names a second: {ratio:.2f} of {best}'s, its best (bar 1.5)"
                claims.append((claim, ratio >= 1.5))
    return claims


@contextlib.contextmanager
def network():
    """A network namespace with nothing but loopback, for this process and what it starts."""
    with open("/proc/self/ns/net") as home:
        if LIBC.unshare(0x40000000) != 0:  # CLONE_NEWNET
            sys.exit(f"no network of one's own: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            LIBC.setns(home.fileno(), 0)


def drop(port, per_cent):
    """Loses this share of what goes to the server, and of what comes from it."""
    subprocess.run(["iptables", "-F", "INPUT"], check=True)
    for end in ("--dport", "--sport") if per_cent else ():
        rule = ["iptables", "-A", "INPUT", "-p", "udp", end, str(port), "-m", "statistic"]
        chance = ["--mode", "random", "--probability", str(per_cent / 100), "-j", "DROP"]
        subprocess.run([*rule, *chance], check=True)


def memory(ground):
    """On record and into a file: all that a long run has to keep."""
    zone = Wildcards()
    counts = (NAMES // 10, NAMES, NAMES * 10)
    rows, races, claims = [], {}, []
    with ground.server() as (port, server):
        for count, runs in zip(counts, (lab.RUNS, min(lab.RUNS, 3), 1)):
            names = f"{ground.folder}/many.txt"
            write_list(names, zone, count)
            race = races[count] = Race(ground, zone, count, runs)
            race.run(
                [Program("hoist probe -o", ground.probe(names, port, "-o", "OUT"), hoist_lines)], server
            )
            os.remove(names)
            peak = max(run.memory for run in race.runs["hoist probe -o"])
            rows.append([
                f"{count:,}", f"{race.cpu('hoist probe -o'):.2f}", f"{race.rate('hoist probe -o'):,.0f}",
                f"{peak:.0f}",
            ])
            claims.append(race.whole(f"{count:,} names", "hoist probe -o"))
    print("\nlists of any length, on record\n")
    lab.table(["names", "CPU us a name", "names/s", "peak MiB"], rows)
    claims.append((f"{counts[-1]:,} names: {peak:.1f} MiB (bar 64)", peak < 64))
    few, many = (races[count].cpu("hoist probe -o") for count in (counts[0], counts[-1]))
    claim = f"CPU a name, {counts[-1]:,} names over {counts[0]:,}: {many / few:.3f} (bar 0.95 .. 1.05)"
    claims.append((claim, abs(many / few - 1) <= 0.05))
    return claims


# --- slow answers ----------------------------------------------------------------------------------

SLOW_ZONE = "rehearsal.test"
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


def latency(ground):
    """The rehearsal name server answers each query after 50 to 500 ms. A client that asks for all names at
    once takes as long as the slowest answer, whatever their number; the server's log tells how long that
    was. As root, asyncio's getaddrinfo is measured beside it: its thread pool asks for a few at a time."""
    rows, claims = [], []

    def add(program, count, measured):
        totals = [figures.wall for figures, _ in measured]
        ratios = [figures.wall / slowest for figures, slowest in measured]
        slowest = lab.median(slowest for _, slowest in measured)
        rows.append([
            program, f"{count:,}", f"{lab.median(totals):.3f}", f"{slowest:.3f}",
            f"{lab.median(ratios):.3f}", f"{min(ratios):.3f} .. {max(ratios):.3f}",
        ])
        return lab.median(ratios)

    bars = ((18, 1.05), (200, 1.05), (1_000, 1.05), (10_000, 1.15))
    with open(f"{ground.folder}/{SLOW_ZONE}", "w") as zone:
        largest = max(count for count, _ in bars)
        zone.writelines(f"n{i} A {slow_address(i)}\n" for i in range(largest) if slow_address(i))
    for count, bar in bars:
        names = f"{ground.folder}/{count}.txt"
        with open(names, "w") as file:
            file.writelines(f"{slow_name(i)}\n" for i in range(count))
        measured = []
        for seed in range(lab.RUNS):
            port, out = lab.free_port(), f"{ground.folder}/out-{count}-{seed}.jsonl"
            argv = ground.probe(names, port, "-o", out, *window(ground, count))
            measured.append(
                rehearsed(ground, seed, port, "127.0.0.1", lambda: lab.run(argv))
            )
            if wrong := wrong_slow_answer(out, count):
                claims.append((f"{count:,} names, seed {seed}: {wrong}", False))
        ratio = add("hoist probe", count, measured)
        claims.append((f"{count:,} names: {ratio:.3f} of the slowest answer (bar {bar})", ratio <= bar))
        if count == 18 and can_mount():
            at = "127.0.0.53"
            add("asyncio getaddrinfo", count, [
                rehearsed(ground, seed, 53, at, lambda: by_asyncio(names, at), True)
                for seed in range(min(lab.RUNS, 3))
            ])
    print(f"\nanswers after {DELAY}, medians of {lab.RUNS}\n")
    lab.table(["program", "names", "total s", "slowest answer s", "total / slowest", "from .. to"], rows)
    return claims


def slow_name(i):
    return f"n{i}.{SLOW_ZONE}"


def slow_address(i):
    """Each second name has one, of its own; the others are not there."""
    return f"198.18.{i >> 8}.{i & 255}" if i % 2 == 0 else None


def wrong_slow_answer(out, count):
    """The first answer to these names that is not the truth, or what else is wrong; None if nothing is."""
    seen = set()
    with open(out) as answers:
        for line in answers:
            said = json.loads(line)
            i, address = said["index"], slow_address(said["index"])
            if i in seen or i >= count or said["name"] != slow_name(i):
                return f"an outcome that nobody asked for: {line.strip()}"
            seen.add(i)
            told = said["verdict"], said["rcode"], said["addresses"]
            if told != (("found", "NOERROR", [address]) if address else ("not_found", "NXDOMAIN", [])):
                return f"not the truth: {line.strip()}"
    return None if len(seen) == count else f"{count - len(seen)} names without an outcome"


def window(ground, count):
    """All at once, beyond what is usual."""
    if count <= WINDOW:
        return []
    at_once = ["-m", str(count)]
    usage = subprocess.run([ground.hoist, "probe", "--help"], capture_output=True, text=True).stdout
    return [*at_once, "--window", str(count)] if "--window " in usage else at_once


def slowest_answer(log, both):
    """What no client can beat, in seconds: of each name, the first answer that decides it; of these the
    slowest. getaddrinfo waits for `both` types."""
    answers = {}
    with open(log) as lines:
        for line in lines:
            record = json.loads(line)
            answers.setdefault(record["name"].lower(), []).append(record["delay_ms"] / 1000)
    return max(max(delays) if both else min(delays) for delays in answers.values())


def rehearsed(ground, seed, port, address, measured, both=False):
    """Runs `measured` against a fresh server; gives its figures and the slowest answer."""
    log = f"{ground.folder}/truth.jsonl"
    argv = [
        ground.hoist, "rehearse", "DNS", "--bind", address, "--port", str(port),
        "--zone", f"{SLOW_ZONE}={ground.folder}/{SLOW_ZONE}",
        "--delay", DELAY, "--seed", str(seed), "--log", log,
    ]
    with contextlib.ExitStack() as stack:
        with ground.buffer.large():
            stack.enter_context(lab.server(argv, port, address))
        figures = measured()
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


PARTS = {part.__name__: part for part in (bulk, loss, memory, latency)}


def main():
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f"no such part: {' '.join(unknown)}; there are: {' '.join(PARTS)}")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if set(chosen) != {"latency"} and not (shutil.which("knotd") or shutil.which("nsd")):
        sys.exit("this bench also needs: knot or nsd (Debian's names)")
    if {"bulk", "loss"} & set(chosen):
        lab.need(dnsperf="dnsperf", gcc="gcc")
    claims = []
    with lab.scratch() as folder:
        ground = Ground(lab.hoist(), folder, ReceiveBuffer())
        for name in chosen:
            claims += PARTS[name](ground)
    lab.verdict(claims)


if __name__ == "__main__":
    main()
