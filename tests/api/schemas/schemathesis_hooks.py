"""Run inside schemathesis.  Writes each answer of status 500 and up whole, as a line of JSON, into the directory where it runs.

What is sent as text that fits the description again does not break it, and is kept out: objects in queries, of which an empty one
is empty text, and all but text in the fields of forms, where null is the text "null". A question that waits for a change that is
not made yet is refused with 503, as it should be: none is sent.
"""

import json
from pathlib import Path
from typing import Any

import schemathesis

FOUND = "server-errors.jsonl"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    if response.status_code < 500:
        return
    line = {
        "method": case.method,
        "path": case.formatted_path,
        "status": response.status_code,
        "seconds": round(response.elapsed, 3),
        "headers": {name: values for name, values in response.headers.items() if name != "date"},
        "body": response.content[:2000].decode(errors="replace"),
    }
    with Path(FOUND).open("a", encoding="utf-8") as report:
        report.write(json.dumps(line) + "\n")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    wanted = case.body.get("min_generation") if isinstance(case.body, dict) else None
    if isinstance(wanted, int | float) and wanted is not True and wanted > 0 and wanted == wanted // 1:
        case.body["min_generation"] = 0


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:
    return not isinstance(query, dict) or not any(isinstance(value, dict) for value in query.values())


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return True
    return all(name == "file" or isinstance(value, str) for name, value in case.body.items())
