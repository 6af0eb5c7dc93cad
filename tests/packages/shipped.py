# SPDX-License-Identifier: BSD-2-Clause
"""Where things are, for tests of what is shipped beside the program."""

import os
import pathlib
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PROGRAM = os.path.abspath(os.environ.get("PGLEAKTRACE", BUILD / "pgleaktrace"))


def need(program, package):
    if not shutil.which(program):
        pytest.skip(f"{program} is missing (Debian: apt install {package})")
