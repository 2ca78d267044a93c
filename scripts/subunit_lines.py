"""A subunit stream on standard input to a line of JSON for each test: id, outcome and what it said."""

from __future__ import annotations

import json
import sys

import subunit
import testtools


def show(test: dict) -> None:
    texts = {name: detail.as_text() for name, detail in test["details"].items()}
    print(json.dumps({"id": test["id"], "status": test["status"], "texts": texts}))


result = testtools.StreamToDict(show)
result.startTestRun()
subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(result)
result.stopTestRun()
