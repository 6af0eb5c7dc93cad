# SPDX-License-Identifier: BSD-2-Clause
"""The DaemonSet and its image: as little privilege as docs/PRIVILEGES.md says, nothing that is not there."""

import re
import subprocess

import pytest
import yaml

from shipped import PROGRAM, ROOT, need

FOLDER = ROOT / "packaging" / "kubernetes"


def documents():
    return {d["kind"]: d for d in yaml.safe_load_all((FOLDER / "pgleaktrace.yaml").read_text())}


@pytest.fixture
def pod():
    return documents()["DaemonSet"]["spec"]["template"]["spec"]


@pytest.fixture
def container(pod):
    assert len(pod["containers"]) == 1
    return pod["containers"][0]


def test_least_privilege(pod, container):
    security = container["securityContext"]
    documented = re.search(r"setcap ([a-z_,]+)=ep", (ROOT / "docs" / "PRIVILEGES.md").read_text())[1]
    assert {f"cap_{name.lower()}" for name in security["capabilities"]["add"]} == set(documented.split(","))
    assert security["capabilities"]["drop"] == ["ALL"]
    assert security["privileged"] is False and security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert pod["hostPID"] is True and pod["automountServiceAccountToken"] is False
    assert not pod.get("hostNetwork") and not pod.get("hostIPC")
    assert set(container["resources"]) == {"requests", "limits"}
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_mounts_are_read_only_and_have_their_volume(pod, container):
    volumes = {v["name"]: v["hostPath"]["path"] for v in pod["volumes"]}
    for mount in container["volumeMounts"]:
        assert mount["readOnly"] is True and volumes.pop(mount["name"]) == mount["mountPath"]
    assert not volumes
    # The hooks that sit on the host's root cgroup.
    assert [m["mountPath"] for m in container["volumeMounts"]] == ["/sys/fs/cgroup"]


def test_selector_probes_ports_and_arguments(container):
    daemon = documents()["DaemonSet"]
    assert daemon["spec"]["selector"]["matchLabels"].items() <= daemon["spec"]["template"]["metadata"]["labels"].items()
    assert daemon["metadata"]["namespace"] == documents()["Namespace"]["metadata"]["name"]
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    assert daemon["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["args"] == ["--metrics", f"0.0.0.0:{ports['metrics']}"]
    version = re.search(r"^VERSION +:= (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]
    assert container["image"].endswith(f":{version}")


def test_the_image_has_each_library_the_program_needs():
    need("dpkg", "dpkg")
    text = re.sub(r"\\\n", " ", (FOLDER / "Containerfile").read_text())
    installed = set(re.findall(r"\blib\S+|zlib1g\b", text.rsplit("FROM ", 1)[1]))
    libraries = re.findall(r"NEEDED\)\s+Shared library: \[([^]]+)\]",
                           subprocess.run(["readelf", "-d", PROGRAM], check=True, capture_output=True, text=True).stdout)
    for library in libraries:
        found = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True, check=False).stdout
        packages = {line.split(":")[0] for line in found.splitlines()}
        assert packages & (installed | {"libc6"}), (library, packages)
