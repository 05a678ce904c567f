#!/usr/bin/env python3
"""Many small files over TLS, with HTTP/1.1 and with HTTP/2: CPU per file of `hoist get`, beside that of
`curl -Z` in the same minutes.

18,000 files of 2 KB from nginx on loopback over TLS 1.3, 64 requests at once, saved to a folder in
memory; every byte is compared. All run in turn, on the same core.

Needs nginx, curl and openssl. FILES=N, RUNS=N (5) and HOIST=FILE change what is run.
"""

import os
import shutil
import subprocess

import get_small
import lab
from get_small import AT_ONCE, FILES, SIZE

SECURE = """
  ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; ssl_protocols TLSv1.3;
  server {{ listen 127.0.0.1:{port} ssl http2 backlog=4096; root {dir}/www; }}
"""


def certificate(folder):
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "2", "-subj", "/CN=bench",
            "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
        ],
        check=True, capture_output=True,
    )


def main():
    lab.need(nginx="nginx-light", curl="curl", openssl="openssl")
    hoist = lab.hoist()
    plain, port = lab.free_port(), lab.free_port()
    with lab.scratch() as folder:
        urls, curl_list = get_small.make(folder, plain)
        certificate(folder)
        with open(f"{folder}/nginx.conf") as conf:
            text = conf.read()
        end = text.rindex("}")
        with open(f"{folder}/nginx.conf", "w") as conf:
            conf.write(text[:end] + SECURE.format(dir=folder, port=port) + "}\n")
        for of in urls, curl_list:
            with open(of) as file:
                text = file.read().replace(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{port}")
            with open(of, "w") as file:
                file.write(text)
        ours = [
            hoist, "get", "-i", urls, "-o", ".", "-m", str(AT_ONCE), "--per-origin", str(AT_ONCE),
            "--quiet", "--cacert", f"{folder}/cert.pem",
        ]
        theirs = [
            "curl", "-s", "-Z", "--parallel-max", str(AT_ONCE), "--create-dirs", "-K", curl_list,
            "--cacert", f"{folder}/cert.pem",
        ]
        programs = {
            "hoist get, HTTP/1.1": [*ours, "--http1.1"],
            "curl -Z, HTTP/1.1": [*theirs, "--http1.1"],
            "hoist get, HTTP/2": ours,
            "curl -Z, HTTP/2": theirs,
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
                    saved = f"127.0.0.1_{port}/small" if name.startswith("hoist") else "small"
                    if figures.code != 0 or not get_small.same(f"{folder}/www/small", f"{out}/{saved}"):
                        wrong.append(f"{name}, round {round_}, exit code {figures.code}")
                    if round_ > 0:
                        runs[name].append(figures)
                    shutil.rmtree(out)

    cpu = {name: lab.median(f.cpu / FILES * 1e6 for f in all_) for name, all_ in runs.items()}
    print(f"{FILES:,} files of {SIZE:,} bytes over TLS 1.3, {AT_ONCE} at once, medians of {lab.RUNS} runs\n")
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
    ratios = {
        version: cpu[f"hoist get, {version}"] / cpu[f"curl -Z, {version}"] for version in ("HTTP/1.1", "HTTP/2")
    }
    lab.verdict([
        ("; not: ".join(["all bytes are the same", *wrong]), not wrong),
        *(
            (f"CPU per file over {version} is under curl's: ratio {ratio:.2f}", ratio < 1)
            for version, ratio in ratios.items()
        ),
    ])


if __name__ == "__main__":
    main()
