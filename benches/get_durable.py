#!/usr/bin/env python3
"""What durability costs: `hoist get` with `--durable group` (the default), with `--durable none`, and
`curl -Z`, which promises nothing.

18,000 files of 2 KB from nginx on loopback, 64 connections, saved on an ext4 of its own with a
journal, on a loop device; every byte is compared. They run in turn, each into a fresh folder.

Needs root (to mount), nginx, curl, openssl and mkfs.ext4. RUNS=N (5), HOIST=FILE, and IMAGE_DIR=DIR for
where the file of the loop device is: the disk under it decides what a sync costs.
"""

import contextlib
import os
import subprocess
import sys
import tempfile

import get_bars
import lab


@contextlib.contextmanager
def ext4():
    """A fresh ext4 of 4 GiB."""
    if os.getuid() != 0:
        sys.exit("this bench mounts a file system: run it as root")
    with tempfile.TemporaryDirectory(prefix="hoist-ext4-", dir=os.environ.get("IMAGE_DIR")) as folder:
        image, at = f"{folder}/image", f"{folder}/mounted"
        os.mkdir(at)
        with open(image, "wb") as file:
            file.truncate(4 << 30)
        quiet = {"stdout": subprocess.DEVNULL, "check": True}
        subprocess.run(["mkfs.ext4", "-q", "-N", "2000000", "-E", "lazy_itable_init=0", image], **quiet)
        subprocess.run(["mount", "-o", "loop", image, at], **quiet)
        try:
            yield at
        finally:
            subprocess.run(["umount", at], check=True)


def main():
    lab.need(curl="curl", **{"mkfs.ext4": "e2fsprogs"})
    with get_bars.ground() as ground, ext4() as disk:
        paths = ground.files("small", 18_000, 2_048)
        urls, curl = ground.lists(
            (f"http://127.0.0.1:{ground.plain}/{path}" for path in paths), paths
        )
        saved_in = f"127.0.0.1_{ground.plain}/small"
        race = get_bars.Race(ground, len(paths), where=disk)
        race.run(
            {
                "--durable group": (ground.get(urls, "--durable", "group"), saved_in),
                "--durable none": (ground.get(urls, "--durable", "none"), saved_in),
                "curl -Z": (ground.curl(curl), "small"),
            },
            lambda saved: get_bars.same(saved, f"{ground.folder}/www/small"),
        )
    claims = race.table("18,000 files of 2 KB on ext4")
    lab.verdict(claims + [
        race.at_most("CPU", "--durable group", "--durable none", 1.25),
        race.at_most("wall", "--durable group", "--durable none", 1.25, "wall"),
        race.at_most("2 KB on ext4, CPU", "--durable group", "curl -Z", 0.6),
    ])


if __name__ == "__main__":
    main()
