"""What SARIF 2.1.0 says of the objects that Guild writes, as a JSON schema of our own.

Stricter than the standard's: a property that Guild does not write is refused. The
standard's own schema is not part of this repository; ``GUILD_SARIF_SCHEMA`` names a
copy of it to be held to as well.
"""

from __future__ import annotations

from typing import Any


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": properties,
    }


def _list(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


_TEXT = {"type": "string", "minLength": 1}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_MESSAGE = _object(("text",), text=_TEXT)
_LOCATION = _object(
    ("physicalLocation",),
    physicalLocation=_object(
        ("artifactLocation",),
        # A relative reference (RFC 3986) without query and fragment.
        artifactLocation=_object(
            ("uri",),
            uri={"type": "string", "pattern": r"^(?!/)(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+$"},
        ),
        region=_object(("startLine",), startLine={"type": "integer", "minimum": 1}),
    ),
)
_FLOW = _object(
    ("locations",), locations=_list(_object(("location",), location=_LOCATION), least=1)
)
_RESULT = _object(
    ("ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"),
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=_LEVEL,
    message=_MESSAGE,
    locations=_list(_LOCATION, least=1),
    partialFingerprints={"type": "object", "additionalProperties": _TEXT},
    codeFlows=_list(_object(("threadFlows",), threadFlows=_list(_FLOW, least=1)), least=1),
    suppressions=_list(
        _object(("kind",), kind={"enum": ["inSource", "external"]}, justification=_TEXT), least=1
    ),
)
_RUN = _object(
    ("tool", "results"),
    tool=_object(
        ("driver",),
        driver=_object(
            ("name", "rules"),
            name=_TEXT,
            version=_TEXT,
            rules=_list(_object(("id",), id=_TEXT, shortDescription=_MESSAGE)),
        ),
    ),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations=_list(
        _object(
            ("executionSuccessful",),
            executionSuccessful={"type": "boolean"},
            toolExecutionNotifications=_list(_object(("message",), level=_LEVEL, message=_MESSAGE)),
        )
    ),
    results=_list(_RESULT),
)
SCHEMA = {
    **_object(
        ("version", "runs"),
        **{"$schema": {"type": "string", "format": "uri"}},
        version={"enum": ["2.1.0"]},
        runs=_list(_RUN, least=1),
    ),
    "$schema": "http://json-schema.org/draft-07/schema#",
}
