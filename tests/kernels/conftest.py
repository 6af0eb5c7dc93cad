# SPDX-License-Identifier: BSD-2-Clause
"""The helpers of the live tests serve here too."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))
