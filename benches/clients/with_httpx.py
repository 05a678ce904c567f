"""A careful client in ten lines of httpx: URL FILE."""

import sys

import httpx

url, path = sys.argv[1:]
with httpx.stream("GET", url, follow_redirects=True, timeout=5) as answer:
    answer.raise_for_status()
    with open(path, "wb") as file:
        for piece in answer.iter_bytes():
            file.write(piece)
