#!/usr/bin/env python3
"""Many small files: CPU per file of `hoist get`, beside that of `curl -Z` in the same minutes.

18,000 files of 2 KB from nginx on loopback, 64 connections, saved to a folder in memory, as files and
into shards; every byte is compared. All run in turn, on the same core, so that whatever else the
machine does hits each of them.

Needs nginx and curl. FILES=N, RUNS=N (5) and HOIST=FILE change what is run.
"""

import glob
import os
import random
import shutil
import subprocess
import tarfile

import lab

FILES = int(os.environ.get("FILES", "18000"))
SIZE = 2048
AT_ONCE = 64

NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log crit; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; keepalive_timeout 300;
  open_file_cache max=100000 inactive=1h; open_file_cache_valid 1h; open_file_cache_min_uses 1;
  client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3;
  uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {dir}/www; }}
}}
"""


def make(folder, port):
    """The files, the lists and nginx's configuration."""
    os.makedirs(f"{folder}/www/small")
    source = random.Random(1)
    urls, curl = f"{folder}/urls.txt", f"{folder}/urls.curl"
    with open(urls, "w") as for_hoist, open(curl, "w") as for_curl:
        for i in range(FILES):
            with open(f"{folder}/www/small/{i}.bin", "wb") as file:
                file.write(source.randbytes(SIZE))
            url = f"http://127.0.0.1:{port}/small/{i}.bin"
            for_hoist.write(f"{url}\n")
            for_curl.write(f'url = "{url}"\noutput = "small/{i}.bin"\n')
    user = "user root;" if os.getuid() == 0 else ""
    with open(f"{folder}/nginx.conf", "w") as conf:
        conf.write(NGINX.format(dir=folder, port=port, user=user))
    return urls, curl


def unpack(out):
    """The bodies in shards, as files."""
    for shard in sorted(glob.glob(f"{out}/*.tar")):
        os.makedirs(f"{out}/small", exist_ok=True)
        with tarfile.open(shard) as tar:
            for member in tar:
                key, ending = member.name.split(".", 1)
                if ending == "bin":
                    with open(f"{out}/small/{int(key)}.bin", "wb") as file:
                        file.write(tar.extractfile(member).read())


def same(ours, theirs):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(["diff", "-rq", ours, theirs], **quiet).returncode == 0


def main():
    lab.need(nginx="nginx-light", curl="curl")
    hoist = lab.hoist()
    port = lab.free_port()
    with lab.scratch() as folder:
        urls, curl_list = make(folder, port)
        programs = {
            "hoist get": [
                hoist, "get", "-i", urls, "-o", ".",
                "-m", str(AT_ONCE), "--per-origin", str(AT_ONCE), "--quiet",
            ],
            "hoist get --to tar:": [
                hoist, "get", "-i", urls, "-o", ".", "--to", "tar:{shard:03}.tar",
                "-m", str(AT_ONCE), "--per-origin", str(AT_ONCE), "--quiet",
            ],
            "curl -Z": [
                "curl", "-s", "-Z", "--parallel-max", str(AT_ONCE), "--create-dirs", "-K", curl_list,
            ],
        }
        saved_in = {
            "hoist get": f"127.0.0.1_{port}/small", "hoist get --to tar:": "small", "curl -Z": "small",
        }
        runs = {name: [] for name in programs}
        wrong = []
        with lab.server(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder], port):
            # One round more than is counted: the first warms nginx's cache of open files.
            for round_ in range(lab.RUNS + 1):
                for name, argv in programs.items():
                    out = f"{folder}/out"
                    os.mkdir(out)
                    figures = lab.run(argv, cwd=out)
                    unpack(out)
                    if figures.code != 0 or not same(f"{folder}/www/small", f"{out}/{saved_in[name]}"):
                        wrong.append(f"{name}, round {round_}, exit code {figures.code}")
                    if round_ > 0:
                        runs[name].append(figures)
                    shutil.rmtree(out)

    cpu = {name: lab.median(f.cpu / FILES * 1e6 for f in all_) for name, all_ in runs.items()}
    print(f"{FILES:,} files of {SIZE:,} bytes, {AT_ONCE} connections, medians of {lab.RUNS} runs\n")
    lab.table(
        ["program", "CPU us/file", "from .. to", "files/s"],
        [
            [
                name,
                f"{cpu[name]:.1f}",
                "{:.1f} .. {:.1f}".format(*(pick(f.cpu for f in all_) / FILES * 1e6 for pick in (min, max))),
                f"{lab.median(FILES / f.wall for f in all_):,.0f}",
            ]
            for name, all_ in runs.items()
        ],
    )
    ratio = cpu["hoist get"] / cpu["curl -Z"]
    lab.verdict([
        ("; not: ".join(["all bytes are the same", *wrong]), not wrong),
        (f"CPU per file is under curl's: ratio {ratio:.2f}", ratio < 1),
    ])


if __name__ == "__main__":
    main()
