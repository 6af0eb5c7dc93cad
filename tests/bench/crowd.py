# SPDX-License-Identifier: BSD-2-Clause
"""crowd.py FILE [SCRIPTS [CONNECTIONS]]: a made-up recording of a very full host, for tests/bench."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pages"))
from recordings import crowd  # noqa: E402

path, scripts, connections = sys.argv[1], *map(int, [*sys.argv[2:], 1000, 10000][:2])
crowd(path, processes=scripts, each=connections // scripts, scripts=scripts)
