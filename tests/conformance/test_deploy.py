"""What deploy/ ships, read by linters that nobody here wrote: its templates, and every policy that they make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from wire import HERE

DEPLOY = HERE.parent.parent / "deploy"


def lint(*command: str) -> None:
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_templates_lint() -> None:
    """cfn-lint takes nothing for an error or a warning, and nothing is put away."""
    templates = sorted(str(path) for path in DEPLOY.glob("*.yaml"))
    assert templates
    lint(str(Path(sys.executable).with_name("cfn-lint")), "--", *templates)


def test_policies_make_sense() -> None:
    """parliament, of the policies that the templates make in both key modes, and of those of the tests."""
    lint(sys.executable, "-W", "ignore", str(HERE / "lint.py"), os.environ["POLICIES"], str(HERE / "policies"))
