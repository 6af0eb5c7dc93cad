# SPDX-License-Identifier: BSD-2-Clause
"""docs/TRUST.md names tests and commands: each must be there, and no command of the Makefile that tests
may be missing. README leads there.
"""

import re

from shipped import ROOT


def text():
    return (ROOT / "docs" / "TRUST.md").read_text(encoding="utf-8")


def test_each_test_that_is_named_is_there():
    named = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", text())
    assert len(named) > 30
    for path, test in named:
        assert (ROOT / path).exists(), path
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_each_command_is_a_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in re.findall(r"`(?:sudo )?make ([^`]*)`", text()):
        for target in (word for word in command.split('"')[0].split() if "=" not in word):
            assert re.search(rf"^{target}:", makefile, re.M), target


def test_each_target_that_tests_is_a_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(check-[a-z]+|lint|soak|coverage|bench):", makefile, re.M))
    commands = {word for command in re.findall(r"`make ([^`]*)`", text()) for word in command.split()}
    assert len(targets) > 15 and not targets - commands


def test_each_promise_is_a_row_of_a_table():
    """A row behind an empty line is no row: it would be shown as bars and words."""
    for block in re.findall(r"(?:^\|.*\n)+", text(), re.M):
        head, rule, *rows = block.splitlines()
        assert head == "| promise | test | command |" and rule == "|---|---|---|" and rows, head
        assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows), rows


def test_the_readme_leads_to_it():
    assert "(docs/TRUST.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
