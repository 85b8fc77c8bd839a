"""Coverage of the refusal rules of the simulated AWS: finds every place in its source that creates a refusal, and checks
that the suite has reached it.

A *site* is one call of a constructor of `Fault` outside fault.rs, found in the source text. If the constructor is called in a
function with #[track_caller], each call of that function is a site instead. A site is reached if a refused call in a trace
(`/_sim/calls`) names its file and line. A closure that refuses is one site, no matter how often it is called. Sites that cannot
be reached from outside are listed in unprovoked.toml with the reason, by file and text, so that line numbers may change.

Comments decide whether a rule has a source. First, the `//` comments between the end of the previous statement and the site
are read; if they name neither a source nor `UNSOURCED`, the `///` comment of the enclosing function is read. `UNSOURCED` takes
precedence over a source. A source is the name of an AWS document (API Reference, User Guide, Developer Guide, Common Errors),
a public issue (owner/repository#number), or the words "seen in practice". A site is *silent* if neither comment says anything;
then the whole suite fails.
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
# A constructor passed as a function loses the line of the rule: the trace would name the standard library.
HANDED_ON = re.compile(rf"\bFault::({CONSTRUCTORS})\b(?!\()")
AUTHORITY = re.compile(r"API Reference|User Guide|Developer Guide|Common Errors|[\w-]+/[\w.-]+#\d+|[Ss]een in practice")
FUNCTION = re.compile(r"^\s*(pub(\([\w: ]+\))? )?(const |async )*fn \w")


@dataclass(frozen=True)
class Site:
    """One place in the source that creates a refusal."""

    file: str
    line: int
    text: str
    standing: str

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}"


def sites() -> tuple[list[Site], list[str]]:
    """All sites, and errors about sites that the trace cannot identify."""
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
                wrong.append(f"{file}:{index + 1} passes a constructor as a function, so that the trace cannot name the rule")
            rules = CALL.findall(code) + (calls.findall(code) if calls else [])
            if index in passing or not rules:
                continue
            if len(rules) > 1:
                wrong.append(f"{file}:{index + 1} has two rules, which the trace cannot distinguish")
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
    """Whether this file can call a function of another file: through its module, or by its name after a `use`."""
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
    """The `//` comments of the statement that contains the site: back to the end of the previous statement."""
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
    """The rules that refused calls name, such as `rds/restore.rs:61`."""
    rules = (call["rule"].replace("\\", "/") for call in calls if call["rule"])
    return {rule.rpartition("aws-sim/src/")[2] for rule in rules}


@dataclass
class Coverage:
    """All sites, which of them were reached, and the errors."""

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
            wrong.append(f"{site.name} names neither a source nor UNSOURCED: {site.text[:120]}")
        fits = [at for at, one in enumerate(excuses) if one["file"] == site.file and one["text"] in site.text]
        for at in fits:
            used[at] = True
        if fits and site.name in met:
            wrong.append(f"{site.name} is listed in unprovoked.toml, but was reached")
        elif fits:
            excused += 1
        elif site.name not in met:
            wrong.append(f"{site.name} was not reached: {site.text[:120]}")
    wrong += [f"unprovoked.toml lists an unknown site: {one}" for one, was in zip(excuses, used) if not was]
    # A rule that is not a known site was created by code that the text search does not find.
    wrong += [f"{rule} refused a call, but is not a known site" for rule in sorted(met - {site.name for site in found})]
    return Coverage(found, met & {site.name for site in found}, excused, wrong)
