#!/usr/bin/env python3
"""Makes the picture in the README, docs/picture.svg, from a real run.

    docs/picture.py                  run the commands below in a terminal, then draw what it shows
    docs/picture.py --draw FILE      draw a screen that was recorded before (target/picture.ansi)

The commands are typed into tmux, so what is drawn is what a terminal really showed, colours and bars
included. Drawing depends on the recorded screen alone. Needs tmux, and cargo for the
command; HOIST=FILE takes that binary.
"""

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORDED = f"{ROOT}/target/picture.ansi"
PICTURE = f"{ROOT}/docs/picture.svg"

# What is typed, and how long it may take.
COMMANDS = [
    ("hoist flags --all", 60),
    ("hoist probe with.dev else.dev servfail-1.dev --via dns://127.0.0.1:5300", 60),
    ("hoist get -i urls.txt -o pages", 60),
]
# In the folder where they are typed. The servers that answer run beside it, from the second on.
URLS = [f"http://localhost:8000/flags/{cc}/{cc}.gif" for cc in ("br", "cn", "in", "xx")] + [
    "http://localhost:8000/flaky?fail=1",
    "http://localhost:8000/fault/short?of=1000",
]
SERVERS = [["LOCAL"], ["DNS", "--zone", "dev", "--seed", "3", "--delay", "20ms..90ms"]]
COLUMNS, ROWS = 92, 50

# --- recording -------------------------------------------------------------------------------


def record():
    """Runs the commands in a terminal and returns the screen with its escape sequences."""
    if not shutil.which("tmux"):
        sys.exit("this needs tmux")
    command = os.environ.get("HOIST")
    if not command:
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
        command = f"{os.environ.get('CARGO_TARGET_DIR', f'{ROOT}/target')}/release/hoist"
    command = os.path.abspath(command)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        os.mkdir(f"{place}/bin")
        os.symlink(command, f"{place}/bin/hoist")
        os.mkdir(f"{place}/home")
        with open(f"{place}/home/urls.txt", "w") as urls:
            urls.writelines(f"{url}\n" for url in URLS)
        with open(f"{place}/rc", "w") as rc:
            rc.write("PS1='\\n\\[\\e[1;32m\\]$\\[\\e[0m\\] '\nPROMPT_COMMAND=\nunset HISTFILE\n")
        tmux = ["tmux", "-L", f"hoist-picture-{os.getpid()}", "-f", "/dev/null", "-u"]
        clean = {
            "PATH": f"{place}/bin:/usr/bin:/bin",
            "HOME": f"{place}/home",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }

        def screen(*options):
            shown = [*tmux, "capture-pane", "-p", *options]
            return subprocess.run(shown, env=clean, check=True, stdout=subprocess.PIPE, text=True).stdout

        def at_prompt(prompts):
            lines = screen().rstrip("\n").split("\n")
            return sum(line.startswith("$") for line in lines) == prompts and lines[-1].strip() == "$"

        def wait(prompts, patience):
            for _ in range(patience * 10):
                if at_prompt(prompts):
                    return
                time.sleep(0.1)
            sys.exit(f"the terminal shows no prompt after {patience} s:\n{screen()}")

        new = ["new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", f"{place}/home"]
        shell = f"exec bash --noprofile --rcfile {place}/rc -i"
        subprocess.run([*tmux, *new, shell], env=clean, check=True)
        servers = []
        try:
            wait(1, 10)
            for done, (line, patience) in enumerate(COMMANDS):
                if done == 1:
                    servers = [subprocess.Popen([command, "rehearse", *server]) for server in SERVERS]
                    time.sleep(0.5)
                    if any(server.poll() is not None for server in servers):
                        sys.exit("a server could not be started: its port must be free")
                subprocess.run([*tmux, "send-keys", "-l", line], env=clean, check=True)
                subprocess.run([*tmux, "send-keys", "Enter"], env=clean, check=True)
                time.sleep(0.3)
                wait(done + 2, patience)
            return screen("-e")
        finally:
            for server in servers:
                server.terminate()
                server.wait()
            subprocess.run([*tmux, "kill-server"], env=clean, check=False)


# --- drawing ---------------------------------------------------------------------------------

BACKGROUND, FOREGROUND = "#1e2127", "#d7dae0"
COLOURS = [
    "#3f4451", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0",
    "#6b7280", "#ff7b86", "#b5e08c", "#ffd68a", "#7dc4ff", "#de9bf0", "#6fd3df", "#ffffff",
]
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 19, 14
MARGIN, BAR = 18, 34
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
# Blocks are drawn, not written: fonts leave gaps between them. The share of the cell, from the left.
BLOCKS = {"█": 8, "▉": 7, "▊": 6, "▋": 5, "▌": 4, "▍": 3, "▎": 2, "▏": 1}


def colour(number):
    """One of the 256 colours of a terminal."""
    if number < 16:
        return COLOURS[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    steps = [0, 95, 135, 175, 215, 255]
    number -= 16
    return "#" + "".join(f"{steps[n]:02x}" for n in (number // 36, number // 6 % 6, number % 6))


def cells(line, style):
    """The characters of a line, each with its style: (colour, bold, dim). Styles last over lines."""
    row = []
    for part in re.split(r"(\x1b\[[0-9;]*m|\x1b.)", line):
        if not part.startswith("\x1b"):
            row += [(char, tuple(style)) for char in part]
            continue
        codes = [int(code or 0) for code in part[2:-1].split(";")] if part.endswith("m") else []
        while codes:
            code = codes.pop(0)
            if code == 0:
                style[:] = [None, False, False]
            elif code == 1:
                style[1] = True
            elif code == 2:
                style[2] = True
            elif code == 22:
                style[1] = style[2] = False
            elif 30 <= code <= 37 or 90 <= code <= 97:
                style[0] = COLOURS[code - 30 if code < 90 else code - 82]
            elif code == 38 and codes[:1] == [5]:
                style[0] = colour(codes[1])
                del codes[:2]
            elif code == 38 and codes[:1] == [2]:
                style[0] = "#" + "".join(f"{n:02x}" for n in codes[1:4])
                del codes[:4]
            elif code == 39:
                style[0] = None
    return row


def draw(screen):
    """The screen as an SVG: a window that is dark on a light page and on a dark one."""
    style = [None, False, False]
    rows = [cells(line, style) for line in screen.rstrip("\n").split("\n")]
    while rows and not rows[0]:
        rows.pop(0)
    while rows and "".join(char for char, _ in rows[-1]).strip() in ("", "$"):
        rows.pop()
    width = COLUMNS * CELL_WIDTH + 2 * MARGIN
    height = BAR + len(rows) * CELL_HEIGHT + MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="A terminal running hoist">',
        f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="9" '
        f'fill="{BACKGROUND}" stroke="#4b5263"/>',
    ]
    for i, dot in enumerate(("#e06c75", "#e5c07b", "#98c379")):
        out.append(f'<circle cx="{MARGIN + 4 + i * 19}" cy="18" r="5.5" fill="{dot}"/>')
    out.append(f'<g font-family="{FONT}" font-size="{FONT_SIZE}" fill="{FOREGROUND}" xml:space="preserve">')
    for y, row in enumerate(rows):
        top = BAR + y * CELL_HEIGHT
        x = 0
        while x < len(row):
            char, look = row[x]
            end = x + 1
            block = char in BLOCKS
            while end < len(row) and row[end][1] == look and (row[end][0] in BLOCKS) == block:
                if block and row[end - 1][0] != "█":
                    break
                end += 1
            out += run_of_cells([c for c, _ in row[x:end]], look, x, top, block)
            x = end
    out.append("</g>\n</svg>\n")
    return "\n".join(out)


def run_of_cells(chars, look, x, top, block):
    """One element for neighbours that look alike."""
    ink, bold, dim = look
    marks = (f' fill="{ink}"' if ink else "") + (' opacity="0.65"' if dim else "")
    left = MARGIN + x * CELL_WIDTH
    if block:
        wide = sum(BLOCKS[char] for char in chars) / 8 * CELL_WIDTH
        return [f'<rect x="{left:.2f}" y="{top + 3}" width="{wide:.2f}" height="{CELL_HEIGHT - 5}"{marks}/>']
    text = "".join(chars)
    bare = text.rstrip()
    if not bare:
        return []
    left += (len(bare) - len(bare.lstrip())) * CELL_WIDTH
    bare = bare.lstrip()
    wide = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in bare) * CELL_WIDTH
    marks += ' font-weight="bold"' if bold else ""
    # A fixed length keeps the columns whatever font the reader has.
    return [
        f'<text x="{left:.2f}" y="{top + 14}" textLength="{wide:.2f}" lengthAdjust="spacingAndGlyphs"'
        f"{marks}>{html.escape(bare)}</text>"
    ]


def main():
    if sys.argv[1:2] == ["--draw"] and len(sys.argv) == 3:
        with open(sys.argv[2]) as file:
            screen = file.read()
    elif len(sys.argv) == 1:
        screen = record()
        os.makedirs(os.path.dirname(RECORDED), exist_ok=True)
        with open(RECORDED, "w") as file:
            file.write(screen)
    else:
        sys.exit(__doc__)
    with open(PICTURE, "w") as file:
        file.write(draw(screen))
    print(f"drawn: {os.path.relpath(PICTURE)}")


if __name__ == "__main__":
    main()
