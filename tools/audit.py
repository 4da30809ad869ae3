"""Asks the advisories of PyPI about what psqlm depends on, by pip-audit: make audit.

Ends with status 1 where a version in use is known to be vulnerable. Where the index does not
answer, nothing is known: that is said in a line, and is no failure.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement


def main() -> int:
    """Print what is found; returns the exit status."""
    versions = closure("psqlm")
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "requirements.txt")
        pinned.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        command = "pip_audit --requirement {} --no-deps --disable-pip --format json"
        done = subprocess.run(
            [sys.executable, "-m", *command.format(pinned).split(), "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            check=False,
        )
    lines, is_vulnerable = told(done.stdout)
    print("\n".join(lines))
    return int(is_vulnerable)


def closure(package: str) -> dict[str, str]:
    """The versions of what a package needs to run, directly or not, that are installed."""
    versions: dict[str, str] = {}
    waiting = [Requirement(package)]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if name != package:
            versions[name] = found.version.split("+")[0]  # a build of one's own has no advisories
        extras = requirement.extras or {""}
        for needed in map(Requirement, found.requires or []):
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return dict(sorted(versions.items()))


def told(report: str) -> tuple[list[str], bool]:
    """What a report of pip-audit says, in lines, and whether it names a vulnerability."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return ["pip-audit: the advisories cannot be reached, so nothing was audited"], False
    lines = [
        f"{package['name']} {package['version']}: {flaw['id']}, "
        f"fixed in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in packages
        for flaw in package.get("vulns", [])
    ]
    audited = sum("skip_reason" not in package for package in packages)
    if lines:
        return lines, True
    if audited == 0:
        return ["pip-audit: the index has no advisories to ask, so nothing was audited"], False
    return [f"pip-audit: no known vulnerability in {audited} of {len(packages)} packages"], False


if __name__ == "__main__":
    sys.exit(main())
