# SPDX-License-Identifier: BSD-2-Clause
"""Rules and dashboard: promtool believes them, and each metric they name is one that is served."""

import json
import re
import subprocess

from shipped import ROOT, need, typescript

RULES = ROOT / "packaging" / "prometheus"
DASHBOARD = ROOT / "packaging" / "grafana" / "pgleaktrace.json"
SUFFIX = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}


def served():
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", (ROOT / "docs" / "METRICS.md").read_text(), re.M)
    return {f"pgleaktrace_{name}{suffix}" for name, kind in rows for suffix in SUFFIX[kind]}


def named(text):
    """Metrics that the text names, those that the rules record apart."""
    return set(re.findall(r"(?<![:\w])pgleaktrace_[a-z0-9_]+(?=[\s{\[),]|$)", text))


def expressions():
    return [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", ())]


def test_promtool_checks_and_tries_the_rules():
    need("promtool", "prometheus")
    for command in (["check", "rules", RULES / "rules.yml"], ["test", "rules", RULES / "rules_test.yml"]):
        run = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


def test_rules_name_only_what_is_served():
    text = re.sub(r"^ *#.*$|- name: .*$", "", (RULES / "rules.yml").read_text(), flags=re.M)
    assert named(text) and not named(text) - served()


def test_dashboard_names_only_what_is_served():
    found = set().union(*map(named, expressions()))
    assert len(found) > 15 and not found - served()


def test_dashboard_is_whole():
    data = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in data["panels"]]
    assert len(ids) == len(set(ids))
    assert [p["title"].split(":")[0] for p in data["panels"] if p["type"] == "row"] == ["Fleet", "Host", "Script"]
    variables = {v["name"] for v in data["templating"]["list"]}
    used = set(re.findall(r"\$(\w+)", " ".join(expressions()))) - {"__rate_interval"}
    assert used == variables - {"datasource"} == {"instance", "script"}


def dashboard_types(models, folder, data):
    """What Grafana's own types say against it."""
    text = json.dumps(data).replace('"mode": "absolute"', '"mode": "absolute" as ThresholdsMode')
    return typescript(models, folder, f'import {{ Dashboard, ThresholdsMode }} from "{models}/node_modules/@grafana/schema/'
                      f'dist/types/index";\nexport const it: Dashboard = {text};\n')


def test_grafana_s_own_types_accept_the_dashboard(models, tmp_path):
    data = json.loads(DASHBOARD.read_text())
    assert dashboard_types(models, tmp_path, data) == ""
    data["panels"][1]["gridpos"] = data["panels"][1].pop("gridPos")
    assert "'gridpos' does not exist" in dashboard_types(models, tmp_path, data).replace('"', "")


def test_promtool_reads_what_the_fleet_page_shows(tmp_path):
    need("promtool", "prometheus")
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "FLEET.md").read_text(), re.S)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yml"
        path.write_text(block)
        agent = ["--agent"] if "feature=agent" in block else []
        run = subprocess.run(["promtool", "check", "config", *agent, path], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
