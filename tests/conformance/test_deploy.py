"""Lints the templates of deploy/, and every policy that they create, with third-party linters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from wire import HERE

DEPLOY = HERE.parent.parent / "deploy"


def lint(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_templates_lint() -> None:
    """cfn-lint reports no error and no warning, and no rule is suppressed."""
    templates = sorted(str(path) for path in DEPLOY.glob("*.yaml"))
    assert templates
    lint(str(Path(sys.executable).with_name("cfn-lint")), "--", *templates)


def test_policies_lint() -> None:
    """parliament reports nothing about the policies of the templates in both key modes, and those of the tests."""
    lint(sys.executable, "-W", "ignore", str(HERE / "lint.py"), os.environ["POLICIES"], str(HERE / "policies"))
