# SPDX-License-Identifier: BSD-2-Clause
"""docs/pgleaktrace-event.schema.json is what the program's tables say, and holds for what is written."""

import json
import os
import subprocess

import jsonschema
import pytest

from shipped import BUILD, PROGRAM, ROOT

PAGE = ROOT / "docs" / "pgleaktrace-event.schema.json"
FORMS = {"finding": "finding", "leak_resolved": "resolution"}    # as the report has them
RECORDINGS = sorted((ROOT / "tests" / "replay").glob("*/recording.ndjson"))


@pytest.fixture(scope="module")
def schema():
    return json.loads(PAGE.read_text())


def event_lines(recording):
    """What -o ndjson says, but for the report."""
    said = subprocess.run([PROGRAM, "--replay", recording, "-o", "ndjson", "--older", "1s"], capture_output=True, text=True,
                          check=True).stdout
    *events, report = map(json.loads, said.splitlines())
    assert report["type"] == "report"
    return events


def test_the_page_is_what_the_tables_say():
    """UPDATE=1 writes it."""
    said = subprocess.run([BUILD / "fill"], input="@event-schema@\n", capture_output=True, text=True, check=True).stdout
    if os.environ.get("UPDATE"):
        PAGE.write_text(said)
    assert PAGE.read_text() == said


def test_it_holds_for_each_event(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    kinds = {kind["title"]: jsonschema.Draft202012Validator(kind) for kind in schema["oneOf"]}
    report = json.loads((ROOT / "docs" / "pgleaktrace.schema.json").read_text())
    seen = set()
    for recording in RECORDINGS:
        for event in event_lines(recording):
            kinds[event["type"]].validate(event)
            seen.add(event["type"])
            if event["type"] in FORMS:
                rest = {key: value for key, value in event.items() if key not in ("schema", "type", "timestamp")}
                jsonschema.validate(rest, report | {"$ref": f"#/$defs/{FORMS[event['type']]}", "type": "object",
                                                    "properties": {}, "required": [], "additionalProperties": True})
    assert seen == set(kinds), "each kind is in some recording"


@pytest.mark.parametrize("spoil", [
    lambda event: event.pop("cookie"), lambda event: event.update(cookie=1), lambda event: event.update(extra=1),
    lambda event: event.update(port=70000), lambda event: event.update(type="nothing"),
    lambda event: event.update(schema="pgleaktrace/2"), lambda event: event.pop("time")])
def test_it_is_not_content_with_anything(schema, spoil):
    event = next(e for e in event_lines(ROOT / "tests/replay/incident/recording.ndjson") if e["type"] == "open")
    jsonschema.validate(event, schema)
    spoil(event)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(event, schema)
