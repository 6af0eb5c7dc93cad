#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""pictures.py PGLEAKTRACE: makes README's pictures again, all from one run of the demo.

The demo runs with --record on a host called db1 (a UTS namespace); its temporary folder becomes /srv in
what it wrote. The recording is then played on the live screen, in tmux, and shown as HTML in headless
Chromium. README's blocks between <!-- NAME --> and <!-- /NAME --> and docs/report.png are rewritten."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "screen"), str(ROOT / "tests" / "pages")]
os.environ["PGLEAKTRACE"] = os.path.abspath(sys.argv[1])

from browser import browser  # noqa: E402
from terminal import Terminal  # noqa: E402

HOUSE = 'hostname db1; exec tests/demo/demo.sh "$@"'
SIZE = (100, 30)
PAGE = (1280, 900)         # pixels of the window …
SCALE = 0.62               # … and how large they are shown


def demo(tracer, recording):
    """The demo's own words: the command it ran, and the answer."""
    run = subprocess.run(["unshare", "--uts", "sh", "-c", HOUSE, "sh", tracer, recording], cwd=ROOT,
                         stdout=subprocess.PIPE, text=True, check=True)
    recording.write_text(shortened(recording.read_text()))
    command = re.search(r"somebody asks: (sudo pgleaktrace.*)", run.stdout)[1]
    answer = re.search(r"== Its answer\n(.*?)\n\n== ", run.stdout, re.S)[1]
    return f"$ sudo make demo\n…\n$ {command} --older 5s\n{shortened(answer)}"


def shortened(text):
    """The demo's temporary folder as /srv, with a name that changes with every run left out."""
    return re.sub(r"/[^\s\"]*pgleaktrace-demo\.\w+", "/srv", text)


def screen(recording):
    """The end of it, with the worst script open."""
    with Terminal("--replay", recording, "--older", "5s", "--speed", "100", size=SIZE) as terminal:
        terminal.until(" END ")
        terminal.press("Enter", "Down")
        terminal.until("parents: ")
        terminal.press("Enter", "Up")
        terminal.until("BACKEND")
        text = terminal.until(lambda shown: "parents: " not in shown)
        terminal.press("q")
        assert terminal.ended() == 0
    return text.rstrip("\n")


def page(tracer, recording, picture):
    path = recording.with_suffix(".html")
    path.unlink(missing_ok=True)
    subprocess.run([ROOT / tracer, "--replay", recording, "--older", "5s", "-o", "html", "--output-file", path],
                   check=True)
    with browser() as chromium:
        chromium.size(*PAGE)
        chromium.media()
        chromium.open(path)
        # to the end of the picture of open connections
        height = chromium.run("return document.querySelector('#time .plot').getBoundingClientRect().bottom")
        chromium.picture(picture, PAGE[0], height + 60, SCALE)


def readme(**blocks):
    path = ROOT / "README.md"
    text = path.read_text()
    for name, block in blocks.items():
        text, count = re.subn(rf"(<!-- {name} -->\n```\n).*?(\n```\n<!-- /{name} -->)",
                              lambda found, block=block: found[1] + block + found[2], text, flags=re.S)
        assert count == 1, name
    path.write_text(text)


def main():
    tracer = os.path.relpath(sys.argv[1], ROOT)
    recording = ROOT / os.path.dirname(tracer) / "demo.ndjson"
    answer = demo(tracer, recording)
    page(tracer, recording, ROOT / "docs" / "report.png")
    readme(report=answer, screen=screen(recording))


main()
