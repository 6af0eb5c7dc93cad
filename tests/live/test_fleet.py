# SPDX-License-Identifier: BSD-2-Clause
"""A fleet is Prometheus's job: a real one scrapes a live host and two replayed ones, runs the shipped
rules, and is asked which script is the worst of all."""

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from actors import ROOT, tool
from pgcluster import free_port, wait_until
from test_metrics import RECORDING, Served

LOCAL = "127.0.0.1"
CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - job_name: pgleaktrace
    static_configs:
%s
"""
TARGET = "      - {targets: ['%s'], labels: {instance: %s}}"


class Prometheus:
    def __init__(self, folder, hosts):
        self.url = f"http://{LOCAL}:{free_port()}"
        config = folder / "prometheus.yml"
        targets = "\n".join(TARGET % (url.removeprefix("http://"), name) for name, url in hosts.items())
        config.write_text(CONFIG % (ROOT / "packaging" / "prometheus" / "rules.yml", targets))
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
                 f"--web.listen-address={self.url.removeprefix('http://')}"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10) as answer:
                return answer.status == 200
        except urllib.error.URLError:   # does not listen yet, or is not ready
            return False

    def close(self):
        self.process.terminate()
        self.process.wait(30)

    def ask(self, query):
        """[(labels, value)]"""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": query}),
                                        timeout=10) as answer:
                data = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from error
        assert data["status"] == "success"
        return [(row["metric"], float(row["value"][1])) for row in data["data"]["result"]]


@pytest.fixture
def prometheus(tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is missing (Debian: apt install prometheus)")
    with contextlib.ExitStack() as stack:
        def start(hosts):
            server = Prometheus(tmp_path, hosts)
            stack.callback(server.close)
            wait_until(server.ready, "Prometheus is ready", 60)
            return server
        yield start


def dashboard_expressions():
    data = json.loads((ROOT / "packaging" / "grafana" / "pgleaktrace.json").read_text())
    for panel in data["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$script", ".*")


def test_the_worst_script_of_three_hosts(cluster, prometheus):
    replayed = ("--replay", RECORDING, "--metrics", 0)
    with Served(cluster.port, "--metrics", 0) as here, Served(5432, *replayed, armed=False) as db2, \
            Served(5432, *replayed, armed=False) as db3, tool("leaker", "-n", 17, "-H", LOCAL, cluster.port) as leaker:
        leaker.said()
        fleet = prometheus({"db1": here.url, "db2": db2.url, "db3": db3.url})
        wait_until(lambda: fleet.ask("count(pgleaktrace_complete)") == [({}, 3.0)], "all three are scraped", 60)
        wait_until(lambda: fleet.ask('sum(pgleaktrace_connections_open{instance="db1"})') == [({}, 17.0)],
                   "the live one is seen", 60)
        assert fleet.ask("topk(1, sum by (script) (pgleaktrace_connections_open))") == [({"script": "leaker"}, 17.0)]
        # Six on each of the two hosts that the recording stands for.
        assert fleet.ask("topk(1, sum by (script) (pgleaktrace_connections_abandoned_total))") == \
            [({"script": "scripts/seed.py"}, 12.0)]
        wait_until(lambda: ({"__name__": "script:pgleaktrace_connections_open:sum", "script": "leaker"}, 17.0) in
                   fleet.ask("script:pgleaktrace_connections_open:sum"), "the rules have run", 60)
        ratio = fleet.ask("host:pgleaktrace_slots_used:ratio")
        assert [labels["data_directory"] for labels, _ in ratio] == [cluster.data]
        for expression in dashboard_expressions():
            fleet.ask(expression)   # a query that can't be read is an error
        assert fleet.ask(next(e for e in dashboard_expressions() if e.startswith("topk")))
