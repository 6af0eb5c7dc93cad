# SPDX-License-Identifier: BSD-2-Clause
"""Debian's cloud kernels, booted in QEMU.

No KVM, no disk, no network: software emulation, and all the guest needs in its initramfs. `fetch`
finds the newest kernel of a series in the system's package sources or, for what the installed
release does not offer, in an apt configuration of its own that never touches the system's.
`boot` runs guest.sh in it and gives back what it wrote, part by part.

One virtual CPU and one thread: with several, emulated guests crash at freshly patched code.
"""

import os
import pathlib
import re
import shutil
import subprocess

from actors import build_folder, tool_path
from pgcluster import PgCluster, server_program
from tracer import tracer_path

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 600     # seconds for one boot on a loaded machine; a quiet one needs a tenth
TOOLS = ("storm", "sink", "spawn", "leaker")

# Where a series is to be had: the Debian release, None for the installed one.
SERIES = {
    "5.10": "bullseye",
    "6.1": None,
    "6.12": "trixie",
    "6.16": "trixie-backports",
    "6.17": "trixie-backports",
    "6.18": "trixie-backports",
    "6.19": "trixie-backports",
    "7.0": "trixie-backports",
    "7.1": "trixie-backports",
    "7.2": "trixie-backports",
    "7.3": "trixie-backports",
    "newest": "trixie-backports",
}


def run(*argv, **more):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


# -- where kernels come from ----------------------------------------------------------------------


def mirror():
    """The Debian mirror that the system uses."""
    lines = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages")
    sites = [line.split()[0] for line in lines.splitlines() if "security" not in line]
    if not sites:
        raise LookupError("apt knows no package source")
    return sites[0]


def private_apt(folder, release):
    """Options for apt with sources and state of its own, for another Debian release."""
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources").write_text(f"deb [signed-by={keys}] {mirror()} {release} main\n")
    return ["-o", f"Dir::Etc::SourceList={folder}/sources",
            "-o", f"Dir::Etc::SourceParts={folder}/parts",
            "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache",
            "-o", f"Dir::State::Status={folder}/status", "-o", "APT::Sandbox::User=root"]


def newest(series, options):
    """The newest package of that series, by Debian's own order of versions."""
    number = r"\d+\.\d+" if series == "newest" else re.escape(series)
    pattern = rf"^linux-(image|binary)-{number}[.+][^ ]*cloud-amd64(-unsigned)?$"
    names = [name for name in run("apt-cache", *options, "pkgnames", "linux-").split()
             if re.match(pattern, name)]
    best = None
    for name in names:
        shown = run("apt-cache", *options, "show", "--no-all-versions", name)
        version = re.search(r"^Version: (.*)$", shown, re.M)
        if not version:
            continue
        if best is None or subprocess.run(
                ["dpkg", "--compare-versions", version[1], "gt", best[1]], check=False).returncode == 0:
            best = (name, version[1])
    return best


def fetch(series):
    """The kernel image of the series' newest package; None: this series is not offered any more."""
    release = SERIES[series]
    folder = build_folder() / "kernels" / series
    done = list(folder.rglob("vmlinuz*"))
    if done:
        return done[0]
    folder.mkdir(parents=True, exist_ok=True)
    options = []
    if release:
        options = private_apt(build_folder() / "kernels" / release, release)
        run("apt-get", *options, "-q", "update")
    package = newest(series, options)
    if not package:
        return None
    run("apt-get", *options, "-q", "download", f"{package[0]}={package[1]}", cwd=folder)
    for deb in folder.glob("*.deb"):
        run("dpkg", "-x", str(deb), str(folder / "root"))
        deb.unlink()
    return next(folder.rglob("vmlinuz*"))


# -- what a guest has -----------------------------------------------------------------------------


def libraries_of(program):
    """The shared libraries a program loads, and the loader."""
    return re.findall(r"(/[^ ]+)", run("ldd", str(program)))


def put(root, source, target=None):
    """Copies a file into the guest's root, by default to the same place."""
    place = root / str(target or source).lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        shutil.copy2(source, place)


def put_program(root, source, target):
    put(root, source, target)
    for library in libraries_of(source):
        put(root, library)


def put_httpd(root):
    """What --metrics loads by name, from where its name is looked up."""
    listed = re.search(r"libmicrohttpd\.so\.12 .*=> (\S+)", run("ldconfig", "-p"))
    assert listed, "libmicrohttpd.so.12 is missing: make deps"
    put_program(root, listed[1], listed[1])


def put_postgres(root):
    """A server with a ready data directory: initdb takes minutes in emulation."""
    binaries = pathlib.Path(server_program("postgres")).parent
    for name in ("postgres", "psql"):
        put_program(root, binaries / name, f"/bin/{name}")
        put(root, binaries / name)          # the server finds its files from where it is
    for name in ("dict_snowball.so", "plpgsql.so"):
        put(root, binaries.parent / "lib" / name)
    share = pathlib.Path("/usr/share/postgresql") / binaries.parent.name
    for name in ("timezonesets", "tsearch_data"):
        shutil.copytree(share / name, root / str(share / name).lstrip("/"))
    pg = PgCluster(port=5432, listen="127.0.0.1", sockets="/tmp", max_connections=23,
                   timezone="GMT", log_timezone="GMT")
    pg.prepare()
    shutil.copytree(pg.data, root / "data")
    pg.stop()


def root_filesystem(folder):
    """All that the guest has, in a folder."""
    root = folder / "guest"
    if root.exists():
        shutil.rmtree(root)
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "run", "var"):
        (root / name).mkdir(parents=True)
    (root / "var" / "run").symlink_to("/run")
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\npostgres:x:101:101::/:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\npostgres:x:101:\n")
    put(root, "/bin/busybox" if os.path.exists("/bin/busybox") else shutil.which("busybox"),
        "/bin/busybox")
    put_program(root, tracer_path(), "/bin/pgleaktrace")
    put_httpd(root)
    for name in TOOLS:
        put_program(root, tool_path(name), f"/bin/{name}")
    put_postgres(root)
    put(root, HERE / "guest.sh", "/init")
    (root / "init").chmod(0o755)
    return root


def initramfs():
    """One cpio archive for all kernels; uncompressed, as unpacking costs more than loading."""
    folder = build_folder() / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    root = root_filesystem(folder)
    archive = folder / "guest.cpio"
    names = "\n".join(str(p.relative_to(root)) for p in sorted(root.rglob("*")))
    with open(archive, "wb") as out:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), stdout=out,
                       stderr=subprocess.DEVNULL, cwd=root, check=True)
    shutil.rmtree(root)
    return archive


# -- a boot ---------------------------------------------------------------------------------------


class Boot:
    """What a guest said: parts by name; the kernel's log if it never came to its end."""

    def __init__(self, output, console):
        self.parts = {}
        for part in output.split("== ")[1:]:
            name, _, text = part.partition("\n")
            self.parts[name.strip()] = text.replace("\r\n", "\n").strip()
        self.console = console

    def __getitem__(self, name):
        assert name in self.parts, \
            f"the guest never said {name!r}, only {list(self.parts)}\n{self.console[-3000:]}"
        return self.parts[name]


def boot(kernel, archive):
    output = build_folder() / "kernels" / f"{kernel.name}.out"
    output.unlink(missing_ok=True)
    done = subprocess.run(
        ["timeout", str(LIMIT), "qemu-system-x86_64", "-accel", "tcg,thread=single",
         "-cpu", "Nehalem,+rdrand", "-M", "q35", "-m", "1024", "-no-reboot", "-nodefaults",
         "-display", "none", "-kernel", str(kernel), "-initrd", str(archive),
         "-append", "console=ttyS0 panic=-1 random.trust_cpu=on quiet",
         "-serial", "stdio", "-serial", f"file:{output}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return Boot(output.read_text(errors="replace"), done.stdout.decode(errors="replace"))
