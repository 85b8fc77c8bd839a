"""Runs the simulated AWS as a process, and creates boto3 clients for it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import urllib.error
import urllib.request
from typing import Any, Iterator
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

import wire

# The speed factor: hours of copying pass in milliseconds. SQS runs in real time.
FAST = 1_000_000
# No retries, since errors are expected here.
CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=True)
# No validation by botocore, so that invalid parameters are sent.
UNCHECKED = Config(retries={"total_max_attempts": 1}, parameter_validation=False)

_accounts = (f"{number:012d}" for number in itertools.count(100_000_000_001))


def new_account() -> str:
    """The id of an unused account. The simulator creates an account when it is first named."""
    return next(_accounts)


class Simulator:
    """One `aws-sim` process."""

    def __init__(self, *arguments: str, speed: int = FAST) -> None:
        command = [os.environ["AWS_SIM"], "--listen", "127.0.0.1:0", "--speed", str(speed), "--keep-questions", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://"), f"unexpected first line: {line!r}"
        self.url = line.split()[2]
        self._clients: dict[tuple[str, str, str, bool], Any] = {}

    def client(self, service: str, account: str, region: str, checked: bool = True) -> Any:
        """A boto3 client with the credentials of the account's root user."""
        key = (service, account, region, checked)
        if key not in self._clients:
            self._clients[key] = self.client_of(service, account, f"simulated-{account}", None, region, checked)
        return self._clients[key]

    def client_of(
        self, service: str, key: str, secret: str, token: str | None, region: str, checked: bool = True
    ) -> Any:
        made = session().client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=CONFIG if checked else UNCHECKED,
        )
        wire.watch(made)
        return made

    def content(self, arn: str) -> bytes | None:
        """The content of a database or snapshot. None if it is not available."""
        return self._get(f"/_sim/content/{quote(arn, safe=':/')}")

    def calls(self) -> list[dict[str, Any]]:
        text = (self._get("/_sim/calls") or b"").decode()
        return [json.loads(line) for line in text.splitlines()]

    def questions(self) -> list[str]:
        """Every different authorization decision of the simulator, as a line of JSON."""
        return (self._get("/_sim/decisions") or b"").decode().splitlines()

    def _get(self, path: str) -> bytes | None:
        try:
            with urllib.request.urlopen(self.url + path) as answer:
                return answer.read()
        except urllib.error.HTTPError as refusal:
            if refusal.code == 404:
                return None
            raise

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


_SESSION: list[boto3.Session] = []


def session() -> boto3.Session:
    if not _SESSION:
        _SESSION.append(boto3.Session())
    return _SESSION[0]


RUNNING: list[Simulator] = []
ASKED: set[str] = set()


def asked() -> list[str]:
    """Every different authorization decision of all simulators of this run so far."""
    return sorted(ASKED.union(*(simulator.questions() for simulator in RUNNING)))


@contextlib.contextmanager
def running(*arguments: str, speed: int = FAST) -> Iterator[Simulator]:
    simulator = Simulator(*arguments, speed=speed)
    RUNNING.append(simulator)
    try:
        yield simulator
    finally:
        RUNNING.remove(simulator)
        ASKED.update(simulator.questions())
        wire.LEDGER.add_calls(simulator.calls())
        simulator.stop()


# The number of calls compared with moto, and the number of known differences.
MOTO = pytest.StashKey[tuple]()
# The results of the comparisons with the referee, by the origin of the questions.
REFEREE = pytest.StashKey[dict]()
