"""The simulated AWS as a process, and boto3's clients of it."""

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

# Time is divided by this: hours of copying pass in milliseconds. SQS keeps real time.
FAST = 1_000_000
# Refusals are expected here, so nothing is tried twice.
CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=True)
# Sends what botocore itself would refuse, as other clients do.
UNCHECKED = Config(retries={"total_max_attempts": 1}, parameter_validation=False)

_accounts = (f"{number:012d}" for number in itertools.count(100_000_000_001))


def new_account() -> str:
    """An account that nothing has happened in: accounts exist by being named."""
    return next(_accounts)


class Simulator:
    """One `aws-sim`; `calls` is its trace."""

    def __init__(self, *arguments: str, speed: int = FAST) -> None:
        command = [os.environ["AWS_SIM"], "--listen", "127.0.0.1:0", "--speed", str(speed), "--keep-questions", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://"), f"unexpected first line: {line!r}"
        self.url = line.split()[2]
        self._clients: dict[tuple[str, str, str, bool], Any] = {}

    def client(self, service: str, account: str, region: str, checked: bool = True) -> Any:
        """A boto3 client with the credentials of the account's root."""
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
        """What a database or snapshot holds, once it is available."""
        return self._get(f"/_sim/content/{quote(arn, safe=':/')}")

    def calls(self) -> list[dict[str, Any]]:
        text = (self._get("/_sim/calls") or b"").decode()
        return [json.loads(line) for line in text.splitlines()]

    def questions(self) -> list[str]:
        """Every different question that it has put to its policies."""
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
    """Every question that the simulators of this run have put to their policies so far."""
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


# How many calls were compared with moto, and how many differences are known.
MOTO = pytest.StashKey[tuple]()
# What the referee has judged, by what it was given.
REFEREE = pytest.StashKey[dict]()
