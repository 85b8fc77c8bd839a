"""A plugin of the AWS CLI: checks every response, and appends the result to the file named by WIRE_LEDGER."""

from __future__ import annotations

import atexit
import json
import os
from typing import Any

import wire


def awscli_initialize(event_hooks: Any) -> None:
    wire.watch_events(event_hooks)
    atexit.register(_write)


def _write() -> None:
    with open(os.environ["WIRE_LEDGER"], "a", encoding="utf-8") as file:
        file.write(json.dumps(wire.LEDGER.given()) + "\n")
