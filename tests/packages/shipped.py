# SPDX-License-Identifier: BSD-2-Clause
"""Where things are, for tests of what is shipped beside the program."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PROGRAM = os.path.abspath(os.environ.get("PGLEAKTRACE", BUILD / "pgleaktrace"))


def need(program, package):
    if not shutil.which(program):
        pytest.skip(f"{program} is missing (Debian: apt install {package})")


def typescript(models, folder, text):
    """What TypeScript says against the text; nothing if all of its types fit."""
    source = folder / "typed.ts"
    source.write_text(text)
    return subprocess.run(["node", models / "node_modules" / "typescript" / "bin" / "tsc", "--noEmit", "--strict",
                           "--skipLibCheck", "--pretty", "false", source], capture_output=True, text=True,
                          check=False).stdout
