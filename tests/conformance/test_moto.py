"""Makes the same calls to the simulated AWS and to moto, an independent emulator. Every difference must be listed.

Values that may differ are replaced first: times become <time>, and random ids become <id>, also in ARNs and URLs. Policy
documents are compared regardless of order and format. Of errors, codes and statuses are compared, but not messages. A
difference is listed by a member of a shape, so that it is listed once for all operations that return that shape.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Iterator

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

import moto_steps
import simulator as simulators
import wire
from moto_steps import ACCOUNT, Step
from world import WAITING

RANDOM = re.compile(
    r"mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|db-[A-Z0-9]{26}"
    r"|(?<=vpc-)[0-9a-f]+|(?<=subnet-)[0-9a-f]+|(?<=sg-)[0-9a-f]+|\b[a-z0-9]{10,12}(?=\.[a-z0-9-]+\.rds\.amazonaws)"
)
# Members whose whole value is random.
DRAWN = {
    "CiphertextBlob", "GrantId", "GrantToken", "MessageId", "Plaintext", "PreferredBackupWindow",
    "PreferredMaintenanceWindow", "ReceiptHandle",
}
POLICIES = {"Policy", "ReplicaPolicy"}


@dataclass(frozen=True, order=True)
class Difference:
    field: str
    sim: str
    moto: str


class Found:
    """The differences found, each with the operations in which it occurred."""

    def __init__(self) -> None:
        self.calls = 0
        self.all: dict[Difference, set[str]] = {}

    def add(self, operation: str, field: str, sim: Any, moto: Any) -> None:
        one = Difference(field, _shown(sim), _shown(moto))
        self.all.setdefault(one, set()).add(operation)


ABSENT = object()


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    if isinstance(value, (dict, list)):
        return "present" if value else "empty"
    return value if isinstance(value, str) else json.dumps(value, default=str)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a moto server."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if address := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
            yield address[1]
            break
    else:
        raise RuntimeError("moto did not print its address")
    process.terminate()
    process.stderr.close()
    process.wait()


class Side:
    """The simulated AWS or moto, with the values kept for later steps."""

    def __init__(self, url: str, watched: bool) -> None:
        self.url, self.watched = url, watched
        self.kept: dict[str, Any] = {}
        self.clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        if (service, region) not in self.clients:
            made = simulators.session().client(
                service, region_name=region, endpoint_url=self.url, config=simulators.UNCHECKED,
                aws_access_key_id=ACCOUNT, aws_secret_access_key=f"simulated-{ACCOUNT}",
            )
            if self.watched:
                wire.watch(made)
            self.clients[service, region] = made
        return self.clients[service, region]

    def take(self, step: Step) -> tuple[dict[str, Any], Shape | None]:
        client = self.client(step.service, step.region)
        model = client.meta.service_model.operation_model(step.operation)
        try:
            # The client methods that boto3 generates call this.
            answer = client._make_api_call(step.operation, self.filled(step.parameters))
        except ClientError as refusal:
            answer = refusal.response
            code, status = answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
            return {"error": f"{code} ({status})"}, None
        answer.pop("ResponseMetadata")
        for name, path in step.keep.items():
            value: Any = answer
            for part in path.split("."):
                value = value[int(part)] if part.isdigit() else value[part]
            self.kept[name] = value
        if step.wait:
            client.get_waiter(step.wait[0]).wait(WaiterConfig=WAITING, **step.wait[1])
        return answer, model.output_shape

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        if isinstance(value, str) and value[:1] == "{" and value[1:-1] in self.kept:
            return self.kept[value[1:-1]]
        if isinstance(value, str) and "{" in value:
            return value.format(**self.kept)
        return value


def plain(name: str, value: Any, url: str) -> Any:
    """A value in which parts that may differ are replaced."""
    if isinstance(value, datetime.datetime):
        return "<time>"
    if name in DRAWN:
        return "<id>"
    if name.endswith("Timestamp") and isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
        return "<time, with a fraction>" if "." in value else "<time>"
    if name in POLICIES and isinstance(value, str):
        return json.dumps(ordered(json.loads(value)), sort_keys=True)
    if isinstance(value, str):
        value = re.sub(r"https?://[^/]+/", "<host>/", value) if name.startswith("QueueUrl") else value
        return RANDOM.sub("<id>", value)
    return value


def ordered(value: Any) -> Any:
    """A policy element in sorted order; a list of one element becomes the element."""
    if isinstance(value, dict):
        return {name: ordered(inner) for name, inner in value.items()}
    if isinstance(value, list):
        inner = sorted((ordered(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
        return inner[0] if len(inner) == 1 else inner
    return value


def compare(found: Found, step: Step, shape: Shape, sim: Any, moto: Any, field: str, urls: tuple[str, str]) -> None:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            one, other = sim.get(name, ABSENT), moto.get(name, ABSENT)
            inner = f"{shape.name}.{name}"
            if one is ABSENT or other is ABSENT:
                if one is not other:
                    found.add(step.operation, inner, "present" if other is ABSENT else ABSENT,
                              "present" if one is ABSENT else ABSENT)
            else:
                compare(found, step, member, one, other, inner, urls)
    elif isinstance(shape, ListShape):
        if isinstance(shape.member, StructureShape):
            tags = any(name in shape.member.members for name in ("Key", "TagKey"))
            arrange = (lambda items: sorted(items, key=lambda one: one.get("Key") or one.get("TagKey"))) if tags else list
            if len(sim) != len(moto):
                found.add(step.operation, field, f"{len(sim)} of them", f"{len(moto)} of them")
            for one, other in zip(arrange(sim), arrange(moto)):
                compare(found, step, shape.member, one, other, field, urls)
        else:
            one, other = (
                sorted(str(plain(field.split(".")[-1], item, url)) for item in side)
                for side, url in zip((sim, moto), urls)
            )
            if one != other:
                found.add(step.operation, field, ", ".join(one), ", ".join(other))
    elif isinstance(shape, MapShape):
        for name in sorted({*sim, *moto}):
            compare_leaf(found, step, shape.value, sim.get(name, ABSENT), moto.get(name, ABSENT), f"{field}[{name}]", name, urls)
    else:
        compare_leaf(found, step, shape, sim, moto, field, field.split(".")[-1], urls)


def compare_leaf(
    found: Found, step: Step, shape: Shape, sim: Any, moto: Any, field: str, name: str, urls: tuple[str, str]
) -> None:
    if isinstance(shape, StructureShape) and sim is not ABSENT and moto is not ABSENT:
        compare(found, step, shape, sim, moto, field, urls)
        return
    one, other = plain(name, sim, urls[0]), plain(name, moto, urls[1])
    if one != other:
        found.add(step.operation, field, one, other)


def test_every_difference_from_moto_is_listed(moto: str, request: pytest.FixtureRequest) -> None:
    found = Found()
    with simulators.running() as sim:
        sides = Side(sim.url, watched=True), Side(moto, watched=False)
        for step in moto_steps.ALL:
            (one, shape), (other, other_shape) = (side.take(step) for side in sides)
            found.calls += 1
            if "error" in one or "error" in other:
                if one.get("error") != other.get("error"):
                    found.add(step.operation, _refused(step), one.get("error", "done"), other.get("error", "done"))
            elif shape is not None:
                compare(found, step, shape, one, other, step.operation, (sim.url, moto))

    known = {
        Difference(field, one["sim"], one["moto"]): set(one["operations"])
        for one in wire.tomllib.loads((wire.HERE / "differences.toml").read_text())["difference"]
        for field in one["fields"]
    }
    request.config.stash[simulators.MOTO] = (found.calls, len(known))
    new = {one: shown for one, shown in found.all.items() if known.get(one) != shown}
    gone = [one for one in known if one not in found.all]
    assert not new, "differences that differences.toml does not list:\n" + "\n".join(
        f'[[difference]]\noperations = {json.dumps(sorted(shown))}\nfields = {json.dumps([one.field])}\n'
        f"sim = {json.dumps(one.sim)}\nmoto = {json.dumps(one.moto)}\n"
        for one, shown in sorted(new.items())
    )
    assert not gone, f"differences.toml lists differences that no longer occur: {gone}"


def _refused(step: Step) -> str:
    """Identifies a call by its short parameters."""
    short = {name: value for name, value in step.parameters.items() if isinstance(value, (str, int)) and len(str(value)) < 60}
    shown = ", ".join(f"{name}={value}" for name, value in sorted(short.items()))
    return f"{step.operation}({shown})".encode("unicode_escape").decode()
