"""What Microsoft's interfaces allow, checked on every question that the connectors ask and every answer they get.

`graph_openapi.json` is cut out of a description of Microsoft Graph v1.0. What that description lacks stands here by
hand, and so does all of Azure Resource Manager: written after Microsoft's reference, never tried against it.
"""

import json
import re
from pathlib import Path
from typing import Any

_cut = json.loads((Path(__file__).parent / "graph_openapi.json").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = _cut["schemas"]
LIST = ["$count", "$expand", "$filter", "$orderby", "$search", "$select", "$skip", "$top"]


def _operation(query: list[str], status: int, *, body: Any = None, answer: Any = None) -> dict[str, Any]:
    return {"query": query, "status": status, "body": body, "answer": answer}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


TEXT = {"type": "string", "nullable": True}
OPEN = {"type": "object"}
REFERENCE = _object(**{"@odata.id": {"type": "string"}}) | {"required": ["@odata.id"]}
PEOPLE = {"$ref": "microsoft.graph.directoryObjectCollectionResponse"}
UNIT = _object(id=TEXT, displayName=TEXT)
PRIVILEGED = _object(id=TEXT, isPrivileged={"type": "boolean"})


def _values(schema: Any) -> dict[str, Any]:
    return _object(value={"type": "array", "items": schema}, nextLink=TEXT, **{"@odata.nextLink": TEXT})


BY_HAND: dict[str, dict[str, Any]] = {
    "/v1.0/organization": {"get": _operation(LIST, 200, answer=_values(UNIT))},
    "/v1.0/directory/administrativeUnits": {"get": _operation(LIST, 200, answer=_values(UNIT))},
    "/v1.0/groups/{id}/owners": {"get": _operation(LIST, 200, answer=PEOPLE)},
    "/v1.0/groups/{id}/owners/$ref": {"post": _operation([], 204, body=REFERENCE)},
    "/v1.0/groups/{id}/owners/{other}/$ref": {"delete": _operation([], 204)},
    "/beta/roleManagement/directory/roleDefinitions": {
        "get": _operation(LIST, 200, answer=_values(PRIVILEGED))
    },
}
SCHEMAS["microsoft.graph.group"]["allOf"][1]["properties"]["onPremisesSyncEnabled"] = {
    "type": "boolean",
    "nullable": True,
}
OPERATIONS: dict[str, dict[str, Any]] = {**_cut["paths"], **BY_HAND}
DERIVED = ("microsoft.graph.user", "microsoft.graph.group")


def template_of(path: str) -> str | None:
    """Which path of the description this is; the literal ones before those with places for ids."""
    for template in sorted(OPERATIONS, key=lambda one: one.count("{")):
        parts = re.split(r"\{[^}]+\}", template)
        if re.fullmatch("[^/]+".join(map(re.escape, parts)), path):
            return template
    return None


def faults(schema: Any, value: Any, where: str = "") -> list[str]:
    """What is wrong with a value, each with the place. Properties the schema does not name are wrong."""
    named = str(value.get("@odata.type", "")).removeprefix("#") if isinstance(value, dict) else ""
    if schema.get("$ref") == "microsoft.graph.directoryObject" and named in DERIVED:
        schema = {"$ref": named}
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"]]
    if "allOf" in schema:
        parts = [SCHEMAS[one["$ref"]] if "$ref" in one else one for one in schema["allOf"]]
        return faults({"type": "object", "properties": _merged(parts)}, value, where)
    if "anyOf" in schema:
        tried = [faults(one, value, where) for one in schema["anyOf"]]
        return [] if not all(tried) else tried[0]
    if value is None:
        return [] if schema.get("nullable") else [f"{where} is null"]
    kinds = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}
    if not isinstance(value, kinds[schema["type"]]):
        return [f"{where} is not of the type {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} cannot be {value}"]
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        return [f"{where} cannot be {value}"]
    if isinstance(value, list):
        return [fault for one in value for fault in faults(schema["items"], one, f"{where}[]")]
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        return [f"{where} has to be empty"]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = [f"{where}/{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, part in value.items():
        if name in schema["properties"]:
            found += faults(schema["properties"][name], part, f"{where}/{name}")
        elif not name.startswith("@odata."):
            found.append(f"{where}/{name} is not in the description")
    return found


def _merged(parts: list[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for part in parts:
        if "allOf" in part:
            part = {
                "properties": _merged(
                    [SCHEMAS[one["$ref"]] if "$ref" in one else one for one in part["allOf"]]
                )
            }
        properties |= part.get("properties", {})
    return properties
