# SPDX-License-Identifier: BSD-2-Clause
"""The DaemonSet and its image: as little privilege as docs/PRIVILEGES.md says, nothing that is not there."""

import json
import re
import subprocess

import pytest
import yaml

from shipped import ROOT, typescript

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


def test_the_image_is_the_static_program_alone():
    """Built and run by tests/release/test_release.py."""
    text = (FOLDER / "Containerfile").read_text()
    assert re.findall(r"^([A-Z]+) (.*)$", text, re.M)[:2] == [("FROM", "scratch"), ("COPY", "pgleaktrace /pgleaktrace")]
    version = re.search(r"^VERSION +:= (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]
    assert f"-t pgleaktrace:{version} build/static\n" in text


def complaints(models, folder, kinds):
    """What TypeScript and the schemas, both made from Kubernetes' own OpenAPI description, say against {kind:
    document}. TypeScript knows which fields there are, the schemas what may stand in them."""
    paths = {kind: f"{models}/node_modules/kubernetes-models/{d['apiVersion']}/{kind}" for kind, d in kinds.items()}
    typed = "".join(f'import {{ I{kind} }} from "{paths[kind]}";\nexport const the{kind}: I{kind} = {json.dumps(d)};\n'
                    for kind, d in kinds.items())
    script = folder / "check.cjs"
    script.write_text("".join(f"new (require({json.dumps(paths[kind])}).{kind})({json.dumps(d)}).validate();\n"
                              for kind, d in kinds.items()))
    valid = subprocess.run(["node", script], capture_output=True, text=True, check=False)
    return typescript(models, folder, typed) + valid.stderr


def test_kubernetes_own_description_accepts_it(models, tmp_path):
    assert complaints(models, tmp_path, documents()) == ""


@pytest.mark.parametrize("change, says", [
    (lambda c: c["securityContext"].update(readOnlyRootFileSystem=True), "does not exist in type 'ISecurityContext'"),
    (lambda c: c.update(resources={"limits": {"memory": "lots"}}), "resources"),
    (lambda c: c.pop("name"), "must have required property name")], ids=["field", "value", "need"])
def test_kubernetes_own_description_is_asked(models, tmp_path, change, says):
    kinds = documents()
    change(kinds["DaemonSet"]["spec"]["template"]["spec"]["containers"][0])
    assert says in complaints(models, tmp_path, kinds)
