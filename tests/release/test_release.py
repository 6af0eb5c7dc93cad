# SPDX-License-Identifier: BSD-2-Clause
"""What is given away, as it is given away: the tarball, the static program in an empty root, the image in
a container as the DaemonSet wants it, the Debian package in a fresh system. Slow, and in need of the distribution's mirror: `make check-release`."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "live"))
from actors import Sink, tool  # noqa: E402
from pgcluster import free_port, wait_until  # noqa: E402

VERSION = re.search(r"^VERSION +:= (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]
TARBALL = f"pgleaktrace-{VERSION}.tar.gz"
KUBERNETES = ROOT / "packaging" / "kubernetes"
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


def built_image(folder):
    """The root folder of what Containerfile builds, and its command line."""
    tool_of = ["buildah", "--storage-driver=vfs", f"--root={folder / 'store'}", f"--runroot={folder / 'run'}"]
    run(*tool_of, "bud", "--isolation=chroot", "-f", KUBERNETES / "Containerfile", "-t", "pgleaktrace", ROOT / "build" / "static")
    settings = json.loads(run(*tool_of, "inspect", "--type=image", "pgleaktrace"))["OCIv1"]["config"]
    root = run(*tool_of, "mount", run(*tool_of, "from", "pgleaktrace").strip()).strip()
    return root, settings["Entrypoint"] + settings["Cmd"]


def bundle(folder, root, argv, *more):
    """What the runtime on a node is given for the DaemonSet's container: crun's own example, changed."""
    daemon, = (d for d in yaml.safe_load_all((KUBERNETES / "pgleaktrace.yaml").read_text()) if d["kind"] == "DaemonSet")
    pod = daemon["spec"]["template"]["spec"]
    container, = pod["containers"]
    security = container["securityContext"]
    assert argv[1:] == container["args"] and pod["hostPID"]
    run("crun", "spec", cwd=folder)
    wanted = json.loads((folder / "config.json").read_text())
    wanted["root"] = {"path": root, "readonly": security["readOnlyRootFilesystem"]}
    capabilities = [f"CAP_{name}" for name in security["capabilities"]["add"]]
    wanted["process"].update(terminal=False, args=[*argv, *more], noNewPrivileges=not security["allowPrivilegeEscalation"],
                             capabilities={which: capabilities for which in ("bounding", "effective", "permitted")})
    wanted["linux"]["namespaces"] = [{"type": which} for which in ("mount", "ipc", "uts", "network")]
    mounts = [m for m in wanted["mounts"] if m["destination"] != "/sys/fs/cgroup"]
    wanted["mounts"] = mounts + [{"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
                                 for path in (v["hostPath"]["path"] for v in pod["volumes"])]
    (folder / "config.json").write_text(json.dumps(wanted))


# crun wants cgroup2 alone, as Kubernetes' nodes have it.
CGROUP2 = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"", "sh"]


def test_the_image_watches_as_the_daemonset_runs_it(tmp_path):
    need_root()
    need("buildah", "buildah")
    need("crun", "crun")
    run("make", "static", cwd=ROOT)
    root, argv = built_image(tmp_path)
    assert os.listdir(root) == ["pgleaktrace"]
    port = free_port()
    bundle(tmp_path, root, argv, "-P", str(port))
    with open(tmp_path / "said", "w+", encoding="utf-8") as said, Sink(port), \
            tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        leaker.said()
        container = subprocess.Popen([*CGROUP2, "crun", f"--root={tmp_path / 'crun'}", "--cgroup-manager=disabled",
                                      "run", "-b", tmp_path, f"pgleaktrace-{port}"], stdout=said, stderr=said)
        try:
            wait_until(lambda: "metrics at" in (tmp_path / "said").read_text() or container.poll(), "it watches", 60)
        finally:
            container.terminate()
            container.wait(30)
        report = (tmp_path / "said").read_text()
        assert container.returncode == 0 and "Complete: nothing lost." in report
        assert re.search(r"^ +1 +3 .* leaker$", report, re.M), report


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
