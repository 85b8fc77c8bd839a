"""Checks every raw HTTP response against botocore's model of the service.

botocore's parser is lenient: it ignores unknown elements and does not check values. This module checks each response before it
is parsed: it has no element or key that the model lacks, and all that the model requires; each scalar has the format of its
type; enums, lengths and patterns are respected; wrappers and request ids are where the protocol requires them. An error must
have the status in its model, and be modelled for the operation or be listed in common_errors.toml.
"""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10 and older
    import tomli as tomllib  # type: ignore[no-redef]

HERE = Path(__file__).parent
COMMON = tomllib.loads((HERE / "common_errors.toml").read_text())
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
SCALARS = {
    "boolean": re.compile(r"true|false"),
    "integer": re.compile(r"-?\d+"),
    "long": re.compile(r"-?\d+"),
    "double": re.compile(r"-?\d+(\.\d+)?"),
    "float": re.compile(r"-?\d+(\.\d+)?"),
    "timestamp": ISO_8601,
}


class Ledger:
    """Counts of everything that was checked in the whole run, and the faults found."""

    def __init__(self) -> None:
        self.responses = 0
        self.refusals = 0
        self.operations: set[str] = set()
        self.faults: list[str] = []
        self.calls: list[dict[str, Any]] = []

    def add_calls(self, calls: list[dict[str, Any]]) -> None:
        self.calls.extend(calls)

    def take(self, found: dict[str, Any]) -> None:
        """Adds the counts of another process, which `given` has returned there."""
        self.responses += found["responses"]
        self.refusals += found["refusals"]
        self.operations.update(found["operations"])
        self.faults.extend(found["faults"])

    def given(self) -> dict[str, Any]:
        return {
            "responses": self.responses,
            "refusals": self.refusals,
            "operations": sorted(self.operations),
            "faults": self.faults,
        }


LEDGER = Ledger()


def watch(client: Any) -> None:
    """Checks every response to this client."""
    watch_events(client.meta.events)


def watch_events(events: Any) -> None:
    events.register("before-parse", _before_parse)


def _before_parse(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    check_response(operation_model, response_dict["status_code"], response_dict["headers"], response_dict["body"])


def check_response(operation: OperationModel, status: int, headers: Any, body: bytes) -> list[str]:
    """Checks one response. Returns all faults, and adds them to the ledger."""
    found: list[str] = []
    service = operation.service_model.service_name
    LEDGER.responses += 1
    LEDGER.operations.add(f"{service}:{operation.name}")
    lower = {str(name).lower(): value for name, value in headers.items()}
    if not lower.get("x-amzn-requestid"):
        found.append("no x-amzn-requestid header")
    refused = status >= 300
    LEDGER.refusals += refused
    protocol = operation.service_model.metadata["protocol"]
    reader: Callable[..., None] = {
        ("query", False): _query_success,
        ("query", True): _query_error,
        ("json", False): _json_success,
        ("json", True): _json_error,
    }[(protocol, refused)]
    try:
        reader(operation, status, lower, body, found)
    except (ElementTree.ParseError, ValueError, KeyError) as error:
        found.append(f"unreadable: {error!r} in {body[:200]!r}")
    LEDGER.faults.extend(f"{service}:{operation.name} ({status}): {fault}" for fault in found)
    return found


# The query protocol: RDS and STS.


def _query_root(operation: OperationModel, headers: Any, body: bytes, expected: str, found: list[str]) -> Any:
    if headers.get("content-type") != "text/xml":
        found.append(f"content type {headers.get('content-type')}, not text/xml")
    namespace = "{%s}" % operation.service_model.metadata["xmlNamespace"]
    root = ElementTree.fromstring(body)
    for element in root.iter():
        if not element.tag.startswith(namespace):
            found.append(f"{element.tag} is not in the namespace {namespace}")
        element.tag = element.tag.split("}")[-1]
    if root.tag != expected:
        found.append(f"the root is {root.tag}, not {expected}")
    return root


def _query_success(operation: OperationModel, status: int, headers: Any, body: bytes, found: list[str]) -> None:
    if status != 200:
        found.append(f"status {status}, not 200")
    root = _query_root(operation, headers, body, f"{operation.name}Response", found)
    output = operation.output_shape
    wrapper = output.serialization["resultWrapper"] if output else None
    expected = [wrapper, "ResponseMetadata"] if wrapper else ["ResponseMetadata"]
    if [child.tag for child in root] != expected:
        found.append(f"the root holds {[child.tag for child in root]}, not {expected}")
    request_id = root.findtext("ResponseMetadata/RequestId")
    if not request_id or request_id != headers.get("x-amzn-requestid"):
        found.append(f"RequestId {request_id!r} is not that of the header")
    result = root.find(wrapper) if wrapper else None
    if output is not None and result is not None:
        _xml(output, result, output.name, found)


def _query_error(operation: OperationModel, status: int, headers: Any, body: bytes, found: list[str]) -> None:
    root = _query_root(operation, headers, body, "ErrorResponse", found)
    if [child.tag for child in root] != ["Error", "RequestId"]:
        found.append(f"an error response holds {[child.tag for child in root]}")
    error = {child.tag: child.text or "" for child in root.findall("Error/*")}
    if sorted(error) != ["Code", "Message", "Type"]:
        found.append(f"an error has {sorted(error)}")
    if error.get("Type") != ("Sender" if status < 500 else "Receiver"):
        found.append(f"error type {error.get('Type')} with status {status}")
    if root.findtext("RequestId") != headers.get("x-amzn-requestid"):
        found.append("RequestId is not that of the header")
    _known_error(operation, status, error.get("Code", ""), found)


def _xml(shape: Shape, element: Any, path: str, found: list[str]) -> None:
    if isinstance(shape, StructureShape):
        members = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        seen = [child.tag for child in element]
        found.extend(f"{path}.{tag} is not in the model" for tag in seen if tag not in members)
        found.extend(f"{path}.{tag} occurs more than once" for tag in sorted(set(seen)) if seen.count(tag) > 1)
        for tag, (name, member) in members.items():
            child = element.find(tag)
            if child is not None:
                _xml(member, child, f"{path}.{name}", found)
            elif name in shape.required_members:
                found.append(f"{path}.{name} is required and missing")
        if (element.text or "").strip():
            found.append(f"{path} is a structure and holds text")
    elif isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "member")
        for child in element:
            if child.tag != item:
                found.append(f"{path} holds {child.tag}, not {item}")
            _xml(shape.member, child, f"{path}[]", found)
        _bounded(shape, len(element), path, found)
    else:
        if len(element):
            found.append(f"{path} is a scalar and holds elements")
        _scalar(shape, element.text or "", path, found)


def _scalar(shape: Shape, text: str, path: str, found: list[str]) -> None:
    """Checks a scalar of the query protocol, where every value is text."""
    pattern = SCALARS.get(shape.type_name)
    if pattern and not pattern.fullmatch(text):
        found.append(f"{path}: {text!r} is not of the type {shape.type_name}")
    if shape.type_name == "string":
        _text(shape, text, path, found)


# The JSON protocols: KMS and SQS.


def _json_head(operation: OperationModel, headers: Any, found: list[str]) -> None:
    expected = f"application/x-amz-json-{operation.service_model.metadata['jsonVersion']}"
    if headers.get("content-type") != expected:
        found.append(f"content type {headers.get('content-type')}, not {expected}")


def _json_success(operation: OperationModel, status: int, headers: Any, body: bytes, found: list[str]) -> None:
    if status != 200:
        found.append(f"status {status}, not 200")
    _json_head(operation, headers, found)
    output = operation.output_shape
    if output is None:
        if body not in (b"", b"{}"):
            found.append(f"no output is modelled, but the body is {body[:80]!r}")
        return
    _json(output, json.loads(body), output.name, found)


def _json_error(operation: OperationModel, status: int, headers: Any, body: bytes, found: list[str]) -> None:
    _json_head(operation, headers, found)
    error = json.loads(body)
    if set(error) - {"__type", "message", "Message"} or "__type" not in error:
        found.append(f"an error has {sorted(error)}")
    if operation.service_model.service_name != "sqs":
        _known_error(operation, status, error["__type"], found)
        return
    # SQS prefixes the shape's name with a namespace, and sends the error code of its former query protocol in a header.
    space, _, name = error["__type"].partition("#")
    if space not in ("com.amazonaws.sqs", "com.amazon.coral.service"):
        found.append(f"__type {error['__type']}")
    code, _, kind = headers.get("x-amzn-query-error", "").partition(";")
    if code and kind != ("Sender" if status < 500 else "Receiver"):
        found.append(f"x-amzn-query-error has the fault type {kind} with status {status}")
    if name in {shape.name for shape in operation.error_shapes}:
        _known_error(operation, status, name, found)
        wanted = COMMON["sqs-query-codes"].get(name, name)
        if code != wanted:
            found.append(f"x-amzn-query-error {code}, not {wanted}")
    else:
        # An error without a modelled shape is documented by the code in the header.
        _known_error(operation, status, code or name, found)


def _json(shape: Shape, value: Any, path: str, found: list[str]) -> None:
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            found.append(f"{path}: {value!r} is not a structure")
            return
        found.extend(f"{path}.{name} is not in the model" for name in value if name not in shape.members)
        for name, member in shape.members.items():
            if name in value:
                _json(member, value[name], f"{path}.{name}", found)
            elif name in shape.required_members:
                found.append(f"{path}.{name} is required and missing")
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            found.append(f"{path}: {value!r} is not a list")
            return
        for item in value:
            _json(shape.member, item, f"{path}[]", found)
        _bounded(shape, len(value), path, found)
    elif isinstance(shape, MapShape):
        if not isinstance(value, dict):
            found.append(f"{path}: {value!r} is not a map")
            return
        for name, item in value.items():
            _text(shape.key, name, f"{path} key", found)
            _json(shape.value, item, f"{path}[{name}]", found)
    else:
        _json_scalar(shape, value, path, found)


def _json_scalar(shape: Shape, value: Any, path: str, found: list[str]) -> None:
    kind = shape.type_name
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    right = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and number,
        "long": isinstance(value, int) and number,
        # Seconds since 1970, in the JSON protocols of KMS and SQS.
        "timestamp": number,
        "blob": isinstance(value, str) and (kind != "blob" or _is_base64(value)),
    }
    if not right.get(kind, False):
        found.append(f"{path}: {value!r} is not of the type {kind}")
    elif kind == "string":
        _text(shape, value, path, found)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error among them
        return False
    return True


# Checks for both protocols.


def _text(shape: Shape, text: str, path: str, found: list[str]) -> None:
    enum = getattr(shape, "enum", None)
    if enum and text not in enum:
        found.append(f"{path}: {text!r} is not one of {enum}")
    _bounded(shape, len(text), path, found)
    pattern = shape.metadata.get("pattern")
    if pattern and not re.search(pattern, text):
        found.append(f"{path}: {text!r} does not match {pattern}")


def _bounded(shape: Shape, size: int, path: str, found: list[str]) -> None:
    if not shape.metadata.get("min", 0) <= size <= shape.metadata.get("max", float("inf")):
        found.append(f"{path}: a length of {size} is out of bounds")


def _known_error(operation: OperationModel, status: int, code: str, found: list[str]) -> None:
    service = operation.service_model.service_name
    for shape in operation.error_shapes:
        error = _error_trait(operation, shape.name)
        if code == error.get("code", shape.name):
            # Models of the JSON protocols have no status: it is 400 for client errors and 500 for server errors.
            wanted = error.get("httpStatusCode", 500 if shape.metadata.get("fault") else 400)
            if status != wanted:
                found.append(f"{code} has the status {status}, not {wanted}")
            return
    common = COMMON.get(service, {}).get(code)
    if common is None:
        found.append(f"{code} is neither modelled for {operation.name} nor in common_errors.toml")
    elif status not in common["statuses"]:
        found.append(f"{code} has the status {status}, not one of {common['statuses']}")
    elif operation.name not in common.get("operations", [operation.name]):
        found.append(f"{code} is documented for {common['operations']}, not for {operation.name}")


def _error_trait(operation: OperationModel, name: str) -> dict[str, Any]:
    # `error_shapes` resolves names and, for the JSON protocols, drops this trait. The raw model has it, if it is defined.
    return operation.service_model.shape_for(name).metadata.get("error", {})
