"""Compares the authorization decisions of aws-sim with those of the referee, an independent policy evaluator.

The referee is `@cloud-copilot/iam-simulate`, in a process of its own. Each disagreement is reduced to its core: the minimal
policies and context on which the two still disagree. Every core must be listed in disagreements.toml, which says who is right.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator

from wire import HERE, tomllib

Question = dict[str, Any]
ALIKE = {"allowed": "Allowed", "denied": "ExplicitlyDenied", "missing": "ImplicitlyDenied"}
LISTS = ("identity", "session", "service_controls", "resource_controls")
SINGLE = ("boundary", "resource_policy")


class Judge:
    """A process that answers each line of JSON with a line of JSON."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, question: Question) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@dataclass
class Session:
    """A comparison of many questions, and its results."""

    referee: Judge
    sim: Judge
    known: list[dict[str, Any]]
    met: list[bool]
    agreed: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    disagreed: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls) -> Session:
        known = tomllib.loads((HERE / "disagreements.toml").read_text())["disagreement"]
        node = Judge("node", os.environ["REFEREE"])
        return cls(node, Judge(os.environ["AWS_SIM"], "--judge"), known, [False] * len(known))

    def close(self) -> None:
        self.referee.close()
        self.sim.close()

    def compare(self, question: Question, ours: dict[str, Any]) -> None:
        """Compares the referee's ruling with `ours`, and counts the result."""
        if reason := excluded(question):
            self.excluded[reason] += 1
            return
        theirs = self.referee(question)
        if reason := self._unjudged(question, theirs.get("error")):
            self.excluded[reason] += 1
            return
        if "error" in theirs or ours["result"] not in ALIKE:
            self.wrong.append(f"not compared: {json.dumps([ours, theirs])} {json.dumps(question)}")
            return
        for key in theirs["ignored"]:
            self.ignored[f"{question['action']} has no {key}"] += 1
        result = ALIKE[ours["result"]]
        if result == theirs["result"]:
            self.agreed[result] += 1
            return
        core = self.reduced(replayed(question))
        found = self.differ(core) or (result, theirs["result"])
        text = json.dumps(core)
        for at, one in enumerate(self.known):
            if " / ".join(found) in one["verdicts"] and re.search(one["core"], text):
                self.met[at] = True
                self.disagreed[one["what"]] += 1
                return
        self.wrong.append(f"aws-sim says {found[0]}, the referee {found[1]}: {text}")

    @staticmethod
    def _unjudged(question: Question, error: Any) -> str | None:
        """Why the referee has no ruling, if tests make the call only to see it refused and no policy limits the caller."""
        if error in ({"message": "invalid.action"}, {"message": "invalid.service"}):
            return "an action that AWS does not have"
        if error in ({"message": "no.resource.types"}, "wildcard") and question["identity"] is None:
            return "a resource type that the action does not have, for a caller that may do everything"
        return None

    def differ(self, question: Question) -> tuple[str, str] | None:
        ours = ALIKE.get(self.sim(question)["result"])
        theirs = self.referee(question).get("result")
        return (ours, theirs) if ours and theirs and ours != theirs else None

    def reduced(self, question: Question) -> Question:
        """The minimal form of the question on which the two still disagree."""
        if not self.differ(question):
            return question
        while smaller := next((one for one in _smaller(question) if self.differ(one)), None):
            question = smaller
        return question

    def unmet(self) -> list[str]:
        return [one["what"] for one, met in zip(self.known, self.met) if not met]


def excluded(question: Question) -> str | None:
    """The reason why the referee cannot judge a question, if there is one."""
    action, resource, own = question["action"], question["resource"], question["owner"] == question["account"]
    if ":key/" in resource and question["leave"] == "nobody" and own and action != "kms:TagResource":
        return "a key that does not exist"
    if question["leave"] == "grant":
        return "allowed by a grant"
    if question["leave"] == "share" or (question["leave"] == "service" and not own):
        return "another account's RDS snapshot"
    return None


def replayed(question: Question) -> Question:
    """A recorded question in the form that `--judge` accepts: a decision of the service itself has no resource policy."""
    return {**question, "leave": "nobody"} if question["leave"] == "service" else question


def _smaller(question: Question) -> Iterator[Question]:
    """Variants of the question with one part removed or made more general."""
    for layer in LISTS:
        documents = question[layer] or []
        for at in range(len(documents)):
            rest = documents[:at] + documents[at + 1 :]
            yield {**question, layer: rest if rest or layer.endswith("controls") else None}
    if question["boundary"]:
        yield {**question, "boundary": None}
    places = [(layer, at) for layer in LISTS for at in range(len(question[layer] or []))]
    for layer, at in [*places, *((layer, None) for layer in SINGLE if question[layer])]:
        statements = _document(question, layer, at)["Statement"]
        if isinstance(statements, list):
            for number in range(len(statements)):
                yield from _of_statement(question, layer, at, number)
    for key in question["context"]:
        yield {**question, "context": {name: value for name, value in question["context"].items() if name != key}}


def _document(question: Question, layer: str, at: int | None) -> dict[str, Any]:
    return question[layer] if at is None else question[layer][at]


def _of_statement(question: Question, layer: str, at: int | None, number: int) -> Iterator[Question]:
    def with_statement(statement: dict[str, Any] | None) -> Question:
        made = copy.deepcopy(question)
        statements = _document(made, layer, at)["Statement"]
        statements[number : number + 1] = [] if statement is None else [statement]
        return made

    statements = _document(question, layer, at)["Statement"]
    statement = statements[number]
    if len(statements) > 1:
        yield with_statement(None)
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        value = statement.get(element)
        if value is None:
            continue
        for one in value if isinstance(value, list) else []:
            yield with_statement({**statement, element: one})
        if value != "*":
            rest = {name: kept for name, kept in statement.items() if name != element}
            yield with_statement({**rest, element.removeprefix("Not"): "*"})
    if "Condition" in statement:
        yield with_statement({name: kept for name, kept in statement.items() if name != "Condition"})
        for operator, keys in statement["Condition"].items():
            for key, values in keys.items():
                fewer = copy.deepcopy(statement["Condition"])
                del fewer[operator][key]
                if any(fewer.values()):
                    yield with_statement({**statement, "Condition": {name: kept for name, kept in fewer.items() if kept}})
                for one in values if isinstance(values, list) and len(values) > 1 else []:
                    less = copy.deepcopy(statement["Condition"])
                    less[operator][key] = one
                    yield with_statement({**statement, "Condition": less})


def lines(texts: Iterable[str]) -> list[Question]:
    return [json.loads(text) for text in texts]
