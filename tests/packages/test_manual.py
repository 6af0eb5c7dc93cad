# SPDX-License-Identifier: BSD-2-Clause
"""The man page and the completions tell what --help tells; the shells themselves are asked."""

import hashlib
import os
import pty
import re
import select
import subprocess
import time

import pytest

from shipped import BUILD, PROGRAM, ROOT, need

MAN = BUILD / "docs" / "pgleaktrace.8"
COMPLETIONS = BUILD / "docs" / "completions"


def run(*argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, **more)


def options():
    """[(letter or "", long name)] of all that --help lists. -h is there as well as -?."""
    text = run(PROGRAM, "--help").stdout
    found = re.findall(r"^(?:  -(\S), |      )--([a-z-]+)", text, re.M)
    assert len(found) > 20
    return [("h" if letter == "?" else letter, name) for letter, name in found]


def formats():
    return re.search(r"^formats: (.*)$", run(PROGRAM, "-V").stdout, re.M)[1].split()


def test_version_is_the_makefile_s_and_tells_the_parts():
    version = re.search(r"^VERSION +:= (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]
    said = run(PROGRAM, "-V").stdout
    assert said.startswith(f"pgleaktrace {version}\n")
    objects = b"".join((BUILD / name).read_bytes() for name in ("pgleaktrace.bpf.o", "look.bpf.o"))
    assert f"BPF object: sha256:{hashlib.sha256(objects).hexdigest()[:32]}\n" in said
    assert re.search(r"^libraries: libbpf 1\.\d+, jansson \d\S*, libmicrohttpd \d\S*, ncurses \d", said, re.M)
    for format_ in formats():
        assert run(PROGRAM, "--replay", str(ROOT / "tests/replay/incident/recording.ndjson"),
                   "-o", format_).returncode == 0, format_
    assert f"pgleaktrace {version}" in MAN.read_text()


def test_the_man_page_has_each_option_and_no_warning():
    need("mandoc", "mandoc")
    lint = run("mandoc", "-T", "lint", "-W", "warning", str(MAN))
    assert lint.returncode == 0 and not lint.stdout, lint.stdout
    page = re.sub(r".\x08", "", run("mandoc", "-T", "utf8", "-O", "width=200", str(MAN)).stdout)
    for letter, name in options():
        shown = rf"^ +-{letter}, --{name}\b" if letter else rf"^ +--{name}\b"
        assert re.search(shown, page, re.M), name
    for format_ in formats():
        assert re.search(rf"^ +{format_}( |$)", page, re.M), format_
    assert "pgleaktrace --once -v" in page and "64 wrong usage" in page


def bash(*words):
    script = f"""source {COMPLETIONS / 'pgleaktrace.bash'}
        compopt() {{ :; }}  # there is none outside a completion
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pgleaktrace; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = run("bash", "-c", script, "bash", "pgleaktrace", *words)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


def fish(home, *words):
    done = run("fish", "--no-config", "-c", f"source {COMPLETIONS / 'pgleaktrace.fish'}; complete -C "
               f"'{' '.join(['pgleaktrace', *words])}'", env={**os.environ, "HOME": str(home)})
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def test_bash_completes_options_and_their_words():
    offered = {word.rstrip("=") for word in bash("-")}
    for letter, name in options():
        assert f"--{name}" in offered and (not letter or f"-{letter}" in offered), name
    assert bash("-o", "") == formats()
    assert bash("--output", "=", "nd") == ["ndjson"] == bash("--output", "nd")
    assert bash("-g", "c") == ["container"]
    assert bash("--fail-on", "idle") == ["idle-hoard"]
    assert bash("-u", "roo") == ["root"]
    assert bash("-d", "") == []
    assert "sh" in bash("-d", "3", "--", "sh")


def test_fish_completes_options_and_their_words(tmp_path):
    def offers(*words):
        return fish(tmp_path, *words)  # it writes into its home

    need("fish", "fish")
    offered = set(offers("--")) | set(offers("-"))
    for letter, name in options():
        assert f"--{name}" in offered and (not letter or f"-{letter}" in offered), name
    assert offers("-o", "nd") == ["ndjson"]
    assert "root" in offers("-u", "roo")
    assert "--version" not in offers("--", "--vers") and "sh" in offers("-q", "--", "sh")


class Shell:
    """An interactive shell on a terminal of its own; keys are typed, the screen is read."""

    def __init__(self, argv, env):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvpe(argv[0], argv, {**os.environ, "TERM": "dumb", **env})
        self.pid, self.seen = pid, ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def type(self, keys, wanted, seconds=20):
        os.write(self.fd, keys.encode())
        start, deadline = len(self.seen), time.monotonic() + seconds
        while not re.search(wanted, self.seen[start:]):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {wanted} in {self.seen[start:]!r}"
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        return self.seen[start:]


def test_bash_at_a_terminal():
    with Shell(["bash", "--norc", "--noprofile", "-i"], {"PS1": "ready> "}) as shell:
        shell.type(f"source {COMPLETIONS / 'pgleaktrace.bash'}; echo is$((1))in\n", "is1in")
        shell.type("pgleaktrace --output=nd\t", "--output=ndjson ")
        shell.type("\x15pgleaktrace --max-c\t", "--max-connections=")


def test_zsh_at_a_terminal(tmp_path):
    need("zsh", "zsh")
    with Shell(["zsh", "-f", "-i"], {"HOME": str(tmp_path), "ZDOTDIR": str(tmp_path)}) as shell:
        shell.type(f"PS1='ready> '; unsetopt zle_bracketed_paste; fpath=({COMPLETIONS} $fpath); "
                   "autoload -Uz compinit; compinit -u; echo is$((1))in\n", "is1in")
        shell.type("pgleaktrace --output=nd\t", "--output=ndjson")
        shell.type("\x15pgleaktrace --max-c\t", "--max-connections=")
        listed = shell.type("\x15pgleaktrace --\t", r"--version[\s\S]*libraries")
    for _, name in options():
        assert f"--{name}" in listed, name


@pytest.mark.parametrize("name", ["pgleaktrace.bash", "_pgleaktrace", "pgleaktrace.fish"])
def test_nothing_is_left_to_fill(name):
    text = (COMPLETIONS / name).read_text()
    assert not re.search(r"@[a-zA-Z-]+@", text)
