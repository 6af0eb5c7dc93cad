# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the tests of what is shipped beside the program."""

import shutil
import subprocess

import pytest

from shipped import BUILD, need

# Kubernetes' and Grafana's own descriptions of what they read, and what reads these.
MODELS = ["kubernetes-models@4.5.1", "@grafana/schema@13.2.3", "typescript@5.9.3"]


@pytest.fixture(scope="session")
def models():
    """The folder with these, installed once per build."""
    need("npm", "npm")
    folder, wanted = BUILD / "models", " ".join(MODELS)
    done = folder / "installed"
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *MODELS],
                       cwd=folder, check=True)
        done.write_text(wanted)
    return folder
