#!/usr/bin/env python3
"""What durability costs: `hoist get` with `--durable group` (the default) beside `--durable none`.

18,000 files of 2 KB from nginx on loopback, 64 connections, saved on an ext4 of its own with a
journal, on a loop device; every byte is compared. The two run in turn, each into a fresh folder.

Needs root (to mount), nginx and mkfs.ext4. FILES=N, RUNS=N (5), HOIST=FILE, and IMAGE_DIR=DIR for
where the file of the loop device is: the disk under it decides what a sync costs.
"""

import contextlib
import os
import subprocess
import sys
import tempfile

import lab
from get_small import AT_ONCE, FILES, SIZE, make, same


@contextlib.contextmanager
def ext4():
    """A fresh ext4 of 2 GiB."""
    if os.getuid() != 0:
        sys.exit("this bench mounts a file system: run it as root")
    with tempfile.TemporaryDirectory(prefix="hoist-ext4-", dir=os.environ.get("IMAGE_DIR")) as folder:
        image, at = f"{folder}/image", f"{folder}/mounted"
        os.mkdir(at)
        with open(image, "wb") as file:
            file.truncate(2 << 30)
        quiet = {"stdout": subprocess.DEVNULL, "check": True}
        subprocess.run(["mkfs.ext4", "-q", "-N", "1000000", "-E", "lazy_itable_init=0", image], **quiet)
        subprocess.run(["mount", "-o", "loop", image, at], **quiet)
        try:
            yield at
        finally:
            subprocess.run(["umount", at], check=True)


def main():
    lab.need(nginx="nginx-light", **{"mkfs.ext4": "e2fsprogs"})
    hoist = lab.hoist()
    port = lab.free_port()
    runs = {"none": [], "group": []}
    wrong = []
    with lab.scratch() as folder, ext4() as disk:
        urls, _ = make(folder, port)
        with lab.server(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder], port):
            # One round more than is counted: the first warms nginx's cache of open files.
            for round_ in range(lab.RUNS + 1):
                for durable, all_ in runs.items():
                    out = f"{disk}/{durable}{round_}"
                    os.mkdir(out)
                    # What the one before left to be written is not this one's.
                    os.sync()
                    figures = lab.run([
                        hoist, "get", "-i", urls, "-o", out, "--durable", durable,
                        "-m", str(AT_ONCE), "--per-origin", str(AT_ONCE), "--quiet",
                    ])
                    if figures.code != 0 or not same(
                        f"{folder}/www/small", f"{out}/127.0.0.1_{port}/small"
                    ):
                        wrong.append(f"{durable}, round {round_}, exit code {figures.code}")
                    if round_ > 0:
                        all_.append(figures)

    cpu = {name: lab.median(f.cpu for f in all_) for name, all_ in runs.items()}
    wall = {name: lab.median(f.wall for f in all_) for name, all_ in runs.items()}
    print(f"{FILES:,} files of {SIZE:,} bytes on ext4, medians of {lab.RUNS} runs\n")
    lab.table(
        ["--durable", "CPU us/file", "from .. to", "wall s", "from .. to"],
        [
            [
                name,
                f"{cpu[name] / FILES * 1e6:.1f}",
                "{:.1f} .. {:.1f}".format(*(p(f.cpu for f in all_) / FILES * 1e6 for p in (min, max))),
                f"{wall[name]:.2f}",
                "{:.2f} .. {:.2f}".format(*(p(f.wall for f in all_) for p in (min, max))),
            ]
            for name, all_ in runs.items()
        ],
    )
    ratios = {what: of["group"] / of["none"] for what, of in (("CPU", cpu), ("wall", wall))}
    lab.verdict([
        ("; not: ".join(["all bytes are the same", *wrong]), not wrong),
        *((f"group takes at most 1.25 of none's {what}: {r:.2f}", r <= 1.25) for what, r in ratios.items()),
    ])


if __name__ == "__main__":
    main()
