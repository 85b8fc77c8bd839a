"""The rules of the simulated AWS: every place in its source that builds a refusal, and which of them the suite met.

A *site* is one call of a constructor of `Fault` outside fault.rs, found by its text; or, where the constructor stands in a
function with #[track_caller], each call of that function. It is provoked when a refused call in a trace (`/_sim/calls`)
names its file and line. A closure that refuses counts once, however often it is called. What cannot be provoked from outside stands, with the reason, in
unprovoked.toml, by file and text of the line, so that it may move.

Whether a rule has a source is read off the comments, and no more is claimed than they say. Of a site count, first, the
`//` comments between the last statement that ended before it and the site itself; when those name neither a source nor
`UNSOURCED`, the `///` comment of the function around it. `UNSOURCED` wins where both are named. A source is a name of a
document of AWS (API Reference, User Guide, Developer Guide, Common Errors), a public issue (owner/repository#number), or
the words "seen in practice". What neither comment says anything of is silent, and the whole suite fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

from wire import HERE, tomllib

SOURCE = HERE.parent / "aws-sim" / "src"
CONSTRUCTORS = "new|bad|not_found|value|combination|missing|validation|internal"
CALL = re.compile(rf"\bFault::({CONSTRUCTORS})\(")
# A constructor handed on as a function loses the line of the rule: the trace would name the standard library.
HANDED_ON = re.compile(rf"\bFault::({CONSTRUCTORS})\b(?!\()")
AUTHORITY = re.compile(r"API Reference|User Guide|Developer Guide|Common Errors|[\w-]+/[\w.-]+#\d+|[Ss]een in practice")
FUNCTION = re.compile(r"^\s*(pub(\([\w: ]+\))? )?(const |async )*fn \w")


@dataclass(frozen=True)
class Site:
    """One place that refuses."""

    file: str
    line: int
    text: str
    standing: str

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}"


def sites() -> tuple[list[Site], list[str]]:
    """All sites, and what is wrong with how some are written."""
    found, wrong = [], []
    sources = {
        path.relative_to(SOURCE).as_posix(): path.read_text().splitlines()
        for path in sorted(SOURCE.rglob("*.rs"))
        if path.name != "fault.rs"
    }
    tracked = {file: _tracked(lines) for file, lines in sources.items()}
    names = {name for bodies in tracked.values() for name in bodies}
    for file, lines in sources.items():
        passing = {at for body in tracked[file].values() for at in body}
        here = [name for name in names if name in tracked[file] or _imports(lines, name)]
        calls = re.compile(rf"(?<!fn )\b({'|'.join(here)})\(") if here else None
        for index, line in enumerate(lines):
            code = line.split("//")[0]
            if HANDED_ON.search(code):
                wrong.append(f"{file}:{index + 1} hands a constructor on, so that the trace cannot name the rule")
            rules = CALL.findall(code) + (calls.findall(code) if calls else [])
            if index in passing or not rules:
                continue
            if len(rules) > 1:
                wrong.append(f"{file}:{index + 1} holds two rules, which the trace cannot tell apart")
            more = lines[index + 1 : index + 3] if line.endswith("(") else []
            text = " ".join(one.strip() for one in [line, *more])
            found.append(Site(file, index + 1, text, _standing(lines, index)))
    return found, wrong


def _tracked(lines: list[str]) -> dict[str, range]:
    """The functions with #[track_caller], and the lines of each."""
    found = {}
    for index, line in enumerate(lines):
        if line.strip() == "#[track_caller]":
            start = next(at for at in range(index, len(lines)) if FUNCTION.match(lines[at]))
            indent = len(lines[start]) - len(lines[start].lstrip())
            end = next(at for at in range(start, len(lines)) if lines[at] == " " * indent + "}")
            name = re.search(r"fn (\w+)", lines[start])
            if name:
                found[name[1]] = range(start, end + 1)
    return found


def _imports(lines: list[str], name: str) -> bool:
    """Whether a function of another file is called here: through its module, or by its name after a `use`."""
    text = "\n".join(lines)
    if re.search(rf"let {name} =", text):
        return False
    return bool(re.search(rf"\w::{name}\(", text) or re.search(rf"^use [^;]*\b{name}\b[^;]*;", text, re.MULTILINE))


def _standing(lines: list[str], index: int) -> str:
    start = next((at for at in range(index, -1, -1) if FUNCTION.match(lines[at])), 0)
    for comment in (_beside(lines, start, index), _above(lines, start)):
        if "UNSOURCED" in comment:
            return "UNSOURCED"
        if AUTHORITY.search(comment):
            return "sourced"
    return "silent"


def _beside(lines: list[str], start: int, index: int) -> str:
    """The `//` comments of the statement that the site is part of: back to the last line that ends another."""
    comments = []
    for at in range(index - 1, start, -1):
        line = lines[at].strip()
        if line.startswith("//"):
            comments.append(line)
        elif line.endswith((";", "}", "},")):
            break
    return "\n".join(reversed(comments))


def _above(lines: list[str], start: int) -> str:
    at = start - 1
    while at >= 0 and lines[at].strip().startswith(("///", "#[")):
        at -= 1
    return "\n".join(lines[at + 1 : start])


def provoked(calls: Iterable[dict[str, Any]]) -> set[str]:
    """The rules that refused calls name, as `rds/restore.rs:61`."""
    rules = (call["rule"].replace("\\", "/") for call in calls if call["rule"])
    return {rule.rpartition("aws-sim/src/")[2] for rule in rules}


@dataclass
class Coverage:
    """How many sites there are, how many were provoked, and what is wrong."""

    sites: list[Site]
    provoked: set[str]
    excused: int
    wrong: list[str]

    def standing(self, kind: str) -> int:
        return sum(site.standing == kind for site in self.sites)


def coverage(calls: Iterable[dict[str, Any]]) -> Coverage:
    found, wrong = sites()
    met = provoked(calls)
    excuses = tomllib.loads((HERE / "unprovoked.toml").read_text())["site"]
    used = [False] * len(excuses)
    excused = 0
    for site in found:
        if site.standing == "silent":
            wrong.append(f"{site.name} says neither its source nor UNSOURCED: {site.text[:120]}")
        fits = [at for at, one in enumerate(excuses) if one["file"] == site.file and one["text"] in site.text]
        for at in fits:
            used[at] = True
        if fits and site.name in met:
            wrong.append(f"{site.name} stands in unprovoked.toml and was provoked")
        elif fits:
            excused += 1
        elif site.name not in met:
            wrong.append(f"{site.name} was not provoked: {site.text[:120]}")
    wrong += [f"unprovoked.toml: no such site: {one}" for one, was in zip(excuses, used) if not was]
    # A rule that names no site was refused by something that is not written as a site.
    wrong += [f"{rule} refused a call and is no site" for rule in sorted(met - {site.name for site in found})]
    return Coverage(found, met & {site.name for site in found}, excused, wrong)
