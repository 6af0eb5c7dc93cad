# SPDX-License-Identifier: BSD-2-Clause
"""Which lines of src/ the tests without a kernel run through. Usage: coverage.py BUILD

Prints each file, worst first, then the totals; exits 1 below what is demanded. The figures are
gcov's, over the unit tests and all that plays recordings: reports, the screen, pages in a browser.
"""

import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

# What only a live kernel can run: the tests in tests/live/ do, outside of these figures.
NEEDS_KERNEL = {
    "src/stream/live*.c": "loads, attaches and reads BPF",
    "src/stream/check.c": "asks this kernel",
    "src/source/watch.c": "polls the kernel's ring",
    "src/source/command.c": "follows a command's tree in the kernel",
    "src/privilege.c": "gives root's capabilities up",
}
PARSERS = ("src/base/codec.c", "src/base/text.c", "src/base/redact.c", "src/base/redact_values.c",
           "src/base/address.c", "src/stream/replay.c", "src/stream/proc_text.c", "src/stream/server_conf.c",
           "src/stream/server_title.c")
GROUPS = (("model", 95, lambda name: name.startswith("src/model/")),
          ("diagnose", 95, lambda name: name.startswith("src/diagnose/")),
          ("parsers", 95, lambda name: name in PARSERS),
          ("src, without what needs a kernel", 90, lambda name: True))


def measure(build):
    """{file of src/: {line: how often}}: objects of several programs add up."""
    lines = collections.defaultdict(collections.Counter)
    notes = [str(path.resolve()) for path in (build / "src").rglob("*.gcno")]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcov", "--json-format", "--preserve-paths", *notes], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for report in pathlib.Path(folder).glob("*.gcov.json.gz"):
            for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                if file["file"].startswith("src/"):
                    for line in file["lines"]:
                        lines[file["file"]][line["line_number"]] += line["count"]
    return lines


def share(lines, names):
    counts = [count for name in names for count in lines[name].values()]
    return sum(count > 0 for count in counts), len(counts)


def percent(hit, all_):
    return 100.0 * hit / all_ if all_ else 100.0


def main():
    lines = measure(pathlib.Path(sys.argv[1]))
    names = [name for name in lines if name.endswith(".c") and not any(map(pathlib.PurePath(name).match, NEEDS_KERNEL))]
    for name in sorted(names, key=lambda name: percent(*share(lines, [name]))):
        hit, all_ = share(lines, [name])
        missing = [str(n) for n, count in sorted(lines[name].items()) if not count]
        print(f"{percent(hit, all_):6.1f} %  {hit:5} of {all_:5}  {name}"
              + (f"  ({', '.join(missing[:6])}{' …' if len(missing) > 6 else ''})" if missing else ""))
    print("\nNot in the figures, run by tests/live/:")
    for pattern, why in NEEDS_KERNEL.items():
        print(f"  {pattern}: {why} ({share(lines, [name for name in lines if pathlib.PurePath(name).match(pattern)])[1]} lines)")
    print()
    failed = False
    for title, demanded, belongs in GROUPS:
        hit, all_ = share(lines, [name for name in names if belongs(name)])
        below = percent(hit, all_) < demanded
        failed = failed or below
        print(f"{percent(hit, all_):6.1f} %  {hit:5} of {all_:5}  {title} (at least {demanded} %)"
              + ("  TOO LOW" if below else ""))
    hit, all_ = share(lines, [name for name in lines if name.endswith(".c")])
    print(f"{percent(hit, all_):6.1f} %  {hit:5} of {all_:5}  all of src/, with what needs a kernel")
    sys.exit(failed)


if __name__ == "__main__":
    main()
