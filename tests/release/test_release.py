# SPDX-License-Identifier: BSD-2-Clause
"""What is given away, as it is given away: the tarball, the static program in an empty root, the Debian
package in a fresh system. Slow, and in need of the distribution's mirror: `make check-release`."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "live"))
from actors import Sink, tool  # noqa: E402
from pgcluster import free_port  # noqa: E402

VERSION = re.search(r"^VERSION +:= (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]
TARBALL = f"pgleaktrace-{VERSION}.tar.gz"
LOCAL = "127.0.0.1"


def run(*argv, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False, timeout=900, **more)
    assert done.returncode == 0, f"{argv}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def need(program, package):
    if not shutil.which(program):
        pytest.skip(f"{program} is missing (Debian: apt install {package})")


def need_root():
    if os.geteuid() != 0:
        pytest.skip("needs root: sudo make check-release")


def test_the_tarball_has_the_same_bytes_from_another_clone(tmp_path):
    run("make", "dist", cwd=ROOT)
    first = (ROOT / "build" / TARBALL).read_bytes()
    run("git", "clone", "-q", ROOT, tmp_path / "clone")
    run("sh", "-c", "umask 077; TZ=Asia/Tokyo LC_ALL=C make dist", cwd=tmp_path / "clone")
    assert (tmp_path / "clone" / "build" / TARBALL).read_bytes() == first
    names = run("tar", "tf", ROOT / "build" / TARBALL).splitlines()
    files = {name.split("/", 1)[1] for name in names if not name.endswith("/")}
    assert files == set(run("git", "ls-files", cwd=ROOT).splitlines())


@contextlib.contextmanager
def kernel_in(root):
    """Mounts /proc and /sys into a root folder, and takes them away again."""
    done = []
    try:
        for name in ("proc", "sys"):
            (root / name).mkdir(exist_ok=True)
            run("mount", "--rbind", "--make-rslave", f"/{name}", root / name)
            done.append(root / name)
        yield
    finally:
        for path in reversed(done):
            run("umount", "-R", "-l", path)


def once_in(root, program, *args):
    return json.loads(run("chroot", root, program, "--once", "-o", "json", *args))


def test_the_static_program_needs_nothing_but_the_kernel(tmp_path):
    need_root()
    run("make", "static", cwd=ROOT)
    shutil.copy(ROOT / "build" / "static" / "pgleaktrace", tmp_path)
    assert "INTERP" not in run("readelf", "-l", tmp_path / "pgleaktrace")
    port = free_port()
    with kernel_in(tmp_path), Sink(port), tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        leaker.said()
        report = once_in(tmp_path, "/pgleaktrace", "-P", port)
        assert [(s["script"], s["open"]) for s in report["scripts"]] == [("leaker", 3)] and report["complete"]
    assert " static\n" in run("chroot", tmp_path, "/pgleaktrace", "-V")


def mirror():
    """(URL, suite) that this system's own packages come from."""
    found = re.search(r"^ +\d+ (http\S+) (\w+)/main ", run("apt-cache", "policy", "libmicrohttpd-dev"), re.M)
    return found[1], found[2]


def test_the_debian_package_in_a_fresh_system(tmp_path):
    need_root()
    for program, package in (("debootstrap", "debootstrap"), ("lintian", "lintian"), ("dh", "debhelper")):
        need(program, package)
    run("make", "deb", cwd=ROOT)
    folder = ROOT / "build" / "deb"
    changes, = folder.glob("*.changes")
    run("lintian", "--allow-root", "--fail-on", "error", changes)
    url, suite = mirror()
    root = tmp_path / "root"
    run("debootstrap", "--variant=minbase", suite, root, url)
    deb, = folder.glob(f"pgleaktrace_{VERSION}_*.deb")
    shutil.copy(deb, root / "tmp" / "pgleaktrace.deb")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    run("chroot", root, "apt-get", "install", "-y", "--no-install-recommends", "/tmp/pgleaktrace.deb", env=quiet)
    for path in ("usr/sbin/pgleaktrace", "usr/share/man/man8/pgleaktrace.8.gz", "lib/systemd/system/pgleaktrace.service",
                 "usr/share/bash-completion/completions/pgleaktrace", "usr/share/zsh/vendor-completions/_pgleaktrace",
                 "usr/share/fish/vendor_completions.d/pgleaktrace.fish", "usr/share/doc/pgleaktrace/copyright",
                 "usr/share/doc/pgleaktrace/examples/prometheus/rules.yml"):
        assert (root / path).exists(), path
    assert run("chroot", root, "pgleaktrace", "-V").startswith(f"pgleaktrace {VERSION}\n")
    port = free_port()
    with kernel_in(root), Sink(port), tool("leaker", "-n", 2, "-H", LOCAL, port) as leaker:
        leaker.said()
        assert once_in(root, "pgleaktrace", "-P", port)["scripts"][0]["open"] == 2
    run("chroot", root, "apt-get", "purge", "-y", "pgleaktrace", env=quiet)
    left = run("find", root / "usr", root / "etc", root / "lib/", "-name", "*pgleaktrace*")
    assert not left, left
