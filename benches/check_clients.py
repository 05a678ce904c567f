#!/usr/bin/env python3
"""Clients against every case of the catalogue: rewrites the tables in docs/try-your-client.md, between
their markers, from real runs of `hoist rehearse --check`.

Needs curl, wget2, aria2 and Python's httpx; a client that is not there is left out, and told.
HOIST=FILE takes that binary in place of building one. JOBS=N (6) cases at once. Takes some minutes.
"""

import collections
import json
import os
import re
import shlex
import subprocess
import sys

import lab

PAGE = os.path.join(lab.ROOT, "docs", "try-your-client.md")
HTTPX = os.path.join(lab.ROOT, "benches", "clients", "with_httpx.py")
JOBS = os.environ.get("JOBS", "6")
LIMIT = "12s"

# How it is called in the table, its command line, and what tells its version.
CLIENTS = [
    ("curl", "curl -sS -L --max-time 8 -o {out} {url}", "curl --version"),
    ("curl --fail", "curl -sS --fail -L --max-time 8 -o {out} {url}", "curl --version"),
    (
        "wget2",
        "wget2 -q --tries=1 --timeout=5 --ca-certificate={ca} -O {out} {url}",
        "wget2 --version",
    ),
    (
        "aria2c",
        "aria2c -q --max-tries=1 --timeout=5 --stop=8 --ca-certificate={ca} -d {dir} -o {name} {url}",
        "aria2c --version",
    ),
    (
        "httpx",
        "python3 with_httpx.py {url} {out}",
        "python3 -c 'import httpx; print(\"httpx\", httpx.__version__)'",
    ),
    (
        "hoist",
        "hoist get -q --timeout 2s --deadline 8s --retries 1 -o {dir} --name {name} {url}",
        "hoist --version",
    ),
]


def words(line, hoist):
    """The command line with the paths of this machine in it."""
    here = {"hoist": hoist, "with_httpx.py": HTTPX, "python3": sys.executable}
    return [here.get(word, word) for word in shlex.split(line)]


def version(line, hoist):
    """The version; none where the client is not there."""
    try:
        said = subprocess.run(words(line, hoist), check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\d+(\.\d+)+", said)
    return found and found.group()


def judge(line, hoist):
    """The verdicts, one object a case."""
    check = [hoist, "rehearse", "--check", "--json", "--limit", LIMIT, "--jobs", JOBS, "--"]
    run = subprocess.run([*check, *words(line, hoist)], capture_output=True, text=True)
    if run.returncode not in (0, 1):
        sys.exit(f"{line}: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def tables(runs):
    """By family, how many are right; then the ways to be wrong. A column for each client."""
    names = list(runs)
    cases = next(iter(runs.values()))
    families = list(dict.fromkeys(case["family"] for case in cases))
    lines = [row(["right in", *names]), row(["---", *["---:"] * len(names)])]

    def right(name, family=None):
        of = [case for case in runs[name] if family in (None, case["family"])]
        # What a client could not meet, since it speaks HTTP/1.1, counts neither way.
        of = [case for case in of if case["met"] or case["verdict"] == "wrong"]
        right = sum(case["verdict"] == "right" for case in of)
        return f"{right} of {len(of)}" if of else "not spoken"

    for family in families:
        lines.append(row([family, *[right(name, family) for name in names]]))
    lines.append(row(["**all cases**", *[f"**{right(name)}**" for name in names]]))

    wrong = {
        name: collections.Counter(c["kind"] for c in run if c["verdict"] == "wrong")
        for name, run in runs.items()
    }
    total = sum(wrong.values(), collections.Counter())
    if total:
        lines += ["", row(["wrong", *names]), row(["---", *["---:"] * len(names)])]
        for kind, _ in total.most_common():
            lines.append(row([kind, *[wrong[name][kind] or "-" for name in names]]))
    return "\n".join(lines)


def replace(text, marker, lines):
    begin, end = f"<!-- {marker} -->", f"<!-- end of {marker} -->"
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    return f"{before}{begin}\n{lines}\n{end}{after}"


def main():
    hoist = lab.hoist()
    runs, told = {}, []
    for name, line, ask in CLIENTS:
        is_version = version(ask, hoist)
        if not is_version:
            print(f"{name} is not here, and is left out", file=sys.stderr)
            continue
        print(f"{name} {is_version} ...", file=sys.stderr)
        runs[name] = judge(line, hoist)
        told.append(f"- {name} ({is_version}): `{line}`")
    with open(PAGE) as page:
        text = page.read()
    text = replace(text, "command lines", "\n".join(told))
    text = replace(text, "results", "\n" + tables(runs) + "\n")
    with open(PAGE, "w") as page:
        page.write(text)


if __name__ == "__main__":
    main()
