# SPDX-License-Identifier: BSD-2-Clause
"""The HTML report, read by a parser and shown by a real browser."""

import base64
import hashlib
import html.parser
import json
import os
import re
import stat
import subprocess

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from conftest import BINARY, REPLAY, ROOT, report
from recordings import Recording, crowd

CASES = sorted(p.parent.name for p in REPLAY.glob("*/recording.ndjson"))
VOID = {"meta", "br", "hr", "input", "link", "img"}


class Reader(html.parser.HTMLParser):
    """Tags must nest; collects what the tests ask for."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.tags, self.text, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1] == tag, f"</{tag}> after {self.stack[-3:]}"
        self.stack.pop()

    def handle_data(self, data):
        if not set(self.stack) & {"script", "style"}:
            self.text.append(data)


def visible(page):
    return " ".join(Reader(page.read_text()).text)


@pytest.mark.parametrize("case", CASES)
def test_structure(page, case):
    text = page(case).read_text()
    reader = Reader(text)
    assert len(reader.ids) == len(set(reader.ids))
    references = {a["href"][1:] for _, a in reader.tags if a.get("href", "").startswith("#")}
    assert references <= set(reader.ids)
    for tag, attributes in reader.tags:
        assert "style" not in attributes, "the policy would ignore it"
        assert not any(name.startswith("on") for name in attributes)
        assert "src" not in attributes and attributes.get("href", "#").startswith("#")
        assert tag not in {"img", "link", "iframe", "form", "object", "base"}
        if tag == "th":
            assert attributes.get("scope") in {"col", "row"}
        if tag == "svg":
            assert attributes.get("role") == "img" or "aria-hidden" in attributes or \
                "viewBox" in attributes
    tables = text.split("<table")[1:]
    assert tables and all(re.match(r"[^>]*><caption>", table) for table in tables)
    pictures = re.findall(r'<svg[^>]*role="img"[^>]*>(?!<title>)', text)
    assert not pictures, "a picture without a title"


@pytest.mark.parametrize("case", CASES)
def test_policy_names_what_is_there_and_nothing_else(page, case):
    text = page(case).read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    style = re.search(r"<style>(.*?)</style>", text, re.S).group(1)
    script = re.search(r"<script>(.*?)</script>", text, re.S).group(1)
    assert (ROOT / "src/view/report.css").read_text() == style
    assert (ROOT / "src/view/report.js").read_text() == script

    def name(body):
        return "'sha256-" + base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() + "'"
    assert policy.split("; ") == ["default-src 'none'", "style-src " + name(style),
                                  "script-src " + name(script), "base-uri 'none'", "form-action 'none'"]
    assert "unsafe" not in policy
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_it_says_what_the_other_views_say(page):
    recording = REPLAY / "incident" / "recording.ndjson"
    facts = json.loads(report(recording, "-o", "json", "--older", "1s"))
    text = visible(page("incident"))
    for script in facts["scripts"]:
        assert script["script"] in text
        for process in script["process_list"]:
            assert f"pid {process['process']['pid']}" in text
        for finding in script["findings"]:
            assert finding["sentence"] in text and finding["advice"] in text
    assert "Complete: nothing lost." in text
    assert facts["kernel"] in text and facts["host"] in text


def test_every_connection_is_in_the_data(page):
    recording = REPLAY / "incident" / "recording.ndjson"
    facts = json.loads(report(recording, "-o", "json", "--older", "1s"))
    rows = json.loads(re.search(r'id="rows">(.*?)</script>', page("incident").read_text(), re.S).group(1))
    connections = [(c["state"], p["process"]["pid"], c["local_port"]) for s in facts["scripts"]
                   for p in s["process_list"] for c in p["connection_list"]]
    assert [(row[0], row[2], row[6]) for row in rows] == connections


def test_what_was_lost_is_told(page):
    text = visible(page("torn"))
    assert "Incomplete" in text and "the recording ends in the middle" in text


def test_command_is_told_without_its_secret(tmp_path):
    out = tmp_path / "page.html"
    recording = REPLAY / "incident" / "recording.ndjson"
    subprocess.run([BINARY, "--replay", recording, "-o", "html", "--output-file", out, "--cmdline",
                    "postgres://app:hunter2@db/x|it's <b>"], check=True)
    text = visible(out)
    assert "hunter2" not in out.read_text() and "postgres://app:***@db/x" in text
    assert "-o html --output-file" in text
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600


def test_a_file_that_all_could_read_is_closed_to_them(tmp_path):
    out = tmp_path / "page.html"
    out.write_text("old")
    out.chmod(0o644)
    subprocess.run([BINARY, "--replay", REPLAY / "incident" / "recording.ndjson", "-o", "html",
                    "--output-file", out], check=True)
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600


def test_nothing_to_show_is_a_sentence(page):
    text = visible(page("incident", "-u", "nobody"))
    assert "No process has or made a connection" in text


@pytest.mark.parametrize("args", [("-g", "process"), ("-g", "user"), ("-g", "container"), ("-g", "server"),
                                  ("-r", "1"), ("-s", "closed")])
def test_other_groupings(page, args):
    Reader(page("incident", *args).read_text())


# From here on in the browser.

def quiet(browser):
    said = browser.console()
    assert not said, said


def rows(browser, section):
    return browser.run(
        "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map(r => "
        "[...r.cells].map(c => c.textContent))", section)


@pytest.mark.parametrize("case", CASES)
def test_it_opens_without_complaint(desk, page, case):
    desk.open(page(case))
    quiet(desk)
    assert desk.run("return document.querySelectorAll('table.data th button').length") > 20
    assert desk.run("return document.documentElement.scrollWidth <= innerWidth")


def test_chart_and_lanes_have_size_and_shape(desk, page):
    desk.open(page("incident"))
    boxes = desk.run("return [...document.querySelectorAll('.plot, .lane')].map(e => "
                     "[e.getBoundingClientRect().width, e.getBoundingClientRect().height])")
    assert len(boxes) > 4 and all(width > 500 and height > 8 for width, height in boxes)
    bars = desk.run("return [...document.querySelectorAll('.lane g')].map(g => [g.className.baseVal, "
                    "g.querySelector('use').getAttribute('href'), g.querySelector('use')"
                    ".getBoundingClientRect().width])")
    assert len(bars) == 19
    assert {kind for kind, _, _ in bars} == {"open", "held", "abandoned", "closed"}
    assert all(shape == "#" + kind and width > 1 for kind, shape, width in bars)


def test_bars_lie_where_their_time_is(desk, page):
    """An adopted connection begins at the left; an open one ends at the right edge."""
    desk.open(page("incident"))
    for left, right, lane_left, lane_right in desk.run(
            "return [...document.querySelectorAll('.lane g.open')].map(g => { const l = g.closest('svg')"
            ".getBoundingClientRect(); const r = [...g.querySelectorAll('rect')].map(e => "
            "e.getBoundingClientRect()); return [Math.min(...r.map(x => x.left)), "
            "Math.max(...r.map(x => x.right)), l.left, l.right] })"):
        assert abs(right - lane_right) < 1
        assert left >= lane_left - 1


def test_sorting(desk, page):
    desk.open(page("incident"))
    before = rows(desk, "groups")
    heading = desk.driver.find_element(By.XPATH, "//section[@id='groups']//th/button[text()='OPENED']")
    column = desk.run("return arguments[0].parentElement.cellIndex", heading)
    heading.click()
    opened = [int(row[column]) for row in rows(desk, "groups")]
    assert opened == sorted(opened, reverse=True)
    assert heading.find_element(By.XPATH, "..").get_attribute("aria-sort") == "descending"
    heading.send_keys(Keys.ENTER)
    opened = [int(row[column]) for row in rows(desk, "groups")]
    assert opened == sorted(opened)
    assert heading.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"
    heading.send_keys(Keys.SPACE)
    assert rows(desk, "groups") == before
    assert desk.run("return document.querySelectorAll('#groups [aria-sort=none]').length") == \
        desk.run("return document.querySelectorAll('#groups thead th').length")
    quiet(desk)


def test_ages_sort_as_ages_not_as_words(desk, page):
    desk.open(page("incident"))
    heading = desk.driver.find_element(By.XPATH, "//section[@id='connections']//th/button[text()='age']")
    column = desk.run("return arguments[0].parentElement.cellIndex", heading)
    heading.click()
    ages = [float(row[column].strip("≥s")) for row in rows(desk, "connections")]
    assert ages == sorted(ages, reverse=True) and ages[0] == 4.6


def test_filtering(desk, page):
    desk.open(page("incident"))
    field = desk.driver.find_element(By.CSS_SELECTOR, "#connections input[type=search]")
    field.send_keys("14211 EXIT")
    found = rows(desk, "connections")
    assert len(found) == 3 and all("scripts/seed.py" in row for row in found)
    status = desk.driver.find_element(By.CSS_SELECTOR, "#connections [role=status]")
    assert status.text == "3 of 19 rows"
    field.clear()
    field.send_keys("no such thing")
    assert rows(desk, "connections") == [] and status.text == "0 of 19 rows"
    field.clear()
    field.send_keys(Keys.BACKSPACE)
    desk.driver.find_element(By.XPATH, "//select/option[@value='abandoned']").click()
    assert len(rows(desk, "connections")) == 6
    quiet(desk)


def test_keyboard_reaches_everything(desk, page):
    desk.open(page("incident"))
    reached = []
    for _ in range(80):
        desk.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(desk.run("const e = document.activeElement; return e.tagName + ' ' + "
                                "(e.closest('section')?.id ?? '')"))
    for wanted in ("BUTTON groups", "DIV groups", "SUMMARY time", "SUMMARY lanes", "INPUT connections",
                   "SELECT connections", "BUTTON connections"):
        assert wanted in reached, wanted


def test_screen_reader_finds_names(desk, page):
    desk.open(page("incident"))
    tree = desk.command("Accessibility.getFullAXTree")["nodes"]
    roles = {}
    for node in tree:
        if not node.get("ignored"):
            roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert all(roles["image"]) and any("Open connections over time" in name for name in roles["image"])
    assert len(roles["table"]) >= 3 and all(roles["table"])
    assert all(roles["searchbox"]) and all(roles["button"]) and all(roles["region"])
    assert len(roles["main"]) == 1
    headings = [name for name in roles["heading"] if name]
    assert headings[0] == "db1" and "Findings" in headings


def test_hostile_text_stays_text(desk, tmp_path, page):
    path = tmp_path / "hostile.ndjson"
    recording = Recording(path, host="<img src=x onerror=window.pwned=1>")
    evil = ["</script><script>window.pwned=1</script>.js", "\"'><svg onload=window.pwned=1>",
            "\u202egpj.exe", "</title></style><style>*{display:none}</style>", "&lt;b&gt;", "]]><!--", "\x1b[2J"]
    for pid, word in enumerate(evil, 7):
        recording.process(pid, ["node", word], cwd="/<script>window.pwned=1</script>", user="<b>root</b>")
        for n in range(12):
            recording.connection(pid, 1 + n / 10)
        recording.totals(pid, 20, opened=12, open=12, peak=12)
    recording.close(20)
    made = page(path)
    text = made.read_text()
    assert "\u202e" not in text and "\x1b" not in text
    desk.open(made)
    quiet(desk)
    assert desk.run("return window.pwned") is None
    assert desk.run("return document.querySelectorAll('script').length") == 2
    assert desk.run("return document.querySelectorAll('b, img, [onload]').length") == 0
    shown = desk.run("return document.body.innerText")
    for word in evil:
        assert word.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b") in shown
    assert any("</script>" in cell for row in rows(desk, "connections") for cell in row)


def test_a_server_s_row_balances(desk, page):
    """What its clients' connections became is all there: refused ones too, as in the table of scripts."""
    desk.open(page("folded"))
    heads = desk.run("return [...document.querySelectorAll('#servers thead th')].map(e => e.textContent.trim())")
    row = desk.run("return [...document.querySelectorAll('#servers tbody tr:first-child > *')].map(e => e.textContent)")
    counts = dict(zip(heads, row))
    assert int(counts["REFUSED"]) > 0
    assert sum(int(counts.get(key, 0)) for key in ("ADOPTED", "OPENED")) == sum(
        int(counts.get(key, 0)) for key in ("OPEN", "CLOSED", "ABANDONED", "HUNG UP", "REFUSED", "UNKNOWN"))


def test_the_policy_holds(desk, page):
    """What is put into the page afterwards is neither run nor loaded."""
    desk.open(page("incident"))
    desk.run("const s = document.createElement('script'); s.textContent = 'window.pwned = 1';"
             "document.body.append(s); const d = document.createElement('div');"
             "d.innerHTML = '<p style=\"color: rgb(1, 2, 3)\" id=styled>x</p>"
             "<img src=\"https://example.invalid/x.png\">'; document.body.append(d)")
    assert desk.run("return window.pwned") is None
    assert desk.run("return getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)"
    said = " ".join(line["message"] for line in desk.console())
    assert said.count("Content Security Policy") >= 2


def luminance(color):
    parts = [int(x) / 255 for x in re.findall(r"\d+", color)[:3]]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(desk, page, scheme):
    desk.media("", scheme)
    desk.open(page("incident"))
    ground = luminance(desk.run("return getComputedStyle(document.body).backgroundColor"))
    assert (ground < 0.1) == (scheme == "dark")
    for selector in ("body", ".fine", ".verdict a", "thead th", ".label", "dt"):
        text = luminance(desk.run("return getComputedStyle(document.querySelector(arguments[0])).color",
                                  selector))
        light, dark = max(text, ground), min(text, ground)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, selector


@pytest.mark.parametrize("case", CASES)
def test_a_phone_shows_it_without_scrolling_sideways(desk, page, case):
    desk.size(390, 844)
    desk.open(page(case))
    assert desk.run("return document.documentElement.scrollWidth") <= 390
    assert desk.run("return [...document.querySelectorAll('h1, h2, h3, p, .lane, .plot, input')].every(e => "
                    "e.getBoundingClientRect().right <= 391)")


def test_paper(desk, page):
    desk.open(page("incident"))
    desk.media("print", "dark")
    assert desk.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert desk.run("return getComputedStyle(document.querySelector('.tools')).display") == "none"
    desk.media()
    pdf = desk.pdf()
    assert pdf.startswith(b"%PDF") and len(pdf) > 20000


@pytest.mark.parametrize("case", CASES)
def test_paper_breaks_no_number_and_no_heading(desk, page, case):
    desk.size(688, 1040)    # A4 less its margins
    desk.media("print")
    desk.open(page(case))
    broken = desk.run("""
        const broken = [];
        for (const cell of document.querySelectorAll('td.n, thead th')) {
            const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange();
            while (texts.nextNode()) {
                range.selectNodeContents(texts.currentNode);
                const words = texts.currentNode.data.trim().split(/\\s+/);
                if (range.getClientRects().length > words.length) broken.push(texts.currentNode.data);
            }
        }
        return broken;""")
    width = desk.run("return Math.max(...[...document.querySelectorAll('table')].map(e => "
                     "e.getBoundingClientRect().right))")
    desk.media()
    assert not broken
    assert width <= 689


def test_without_script_it_is_a_report(desk, page):
    made = page("incident")
    desk.script(False)
    desk.open(made)
    tree = desk.command("DOM.getOuterHTML", nodeId=desk.command("DOM.getDocument")["root"]["nodeId"])
    shown = tree["outerHTML"]
    assert "<button" not in shown and "<input" not in shown, "a control that does nothing"
    assert shown.count("<tr>") > 19
    quiet(desk)


@pytest.fixture(scope="session")
def crowded(tmp_path_factory, page):
    path = tmp_path_factory.mktemp("crowd") / "crowd.ndjson"
    return page(path, "--older", "60s") if crowd(path) > 10000 else None


def test_ten_thousand_connections(desk, crowded):
    assert crowded.stat().st_size < 5_000_000
    desk.open(crowded)
    quiet(desk)
    times = desk.run("const n = performance.getEntriesByType('navigation')[0];"
                     "return [n.domContentLoadedEventEnd, document.getElementsByTagName('*').length]")
    assert times[0] < 5000, f"{times[0]} ms to load"
    assert times[1] < 20000, f"{times[1]} elements"
    status = desk.driver.find_element(By.CSS_SELECTOR, "#connections [role=status]")
    assert status.text.startswith("10080 rows")
    spent = desk.run(
        "const i = document.querySelector('#connections input'); const t = performance.now();"
        "i.value = 'job-07 abandoned'; i.dispatchEvent(new Event('input')); return performance.now() - t")
    assert spent < 500, f"{spent} ms to filter"
    assert status.text.startswith("150 of 10080 rows")
    more = desk.driver.find_element(By.CSS_SELECTOR, "#connections button.more")
    assert len(rows(desk, "connections")) == 50
    desk.run("arguments[0].click()", more)
    assert len(rows(desk, "connections")) == 150 and not more.is_displayed()
    assert desk.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_file_stays_below_five_megabytes_whatever_its_names(tmp_path, page):
    path = tmp_path / "long.ndjson"
    recording = Recording(path)
    for i in range(100):
        pid = 1000 + i
        recording.process(pid, ["node", "<" * 3000 + f"{i}.js"], cwd="/" + "&" * 900)
        for n in range(120):
            recording.connection(pid, 1 + n / 10)
        recording.totals(pid, 100, opened=120, open=120, peak=120)
    recording.close(100)
    made = page(path)
    assert made.stat().st_size < 5_000_000
    assert "found no room in this file" in visible(made)
