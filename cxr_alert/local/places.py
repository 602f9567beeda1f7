"""Folders of the commands' state on this machine, and of the sample films."""

from pathlib import Path

from cxr_alert.local.processes import ROOT

UP = ROOT / "build" / "local"
DEMO = UP / "demo"
DEMO_RESULT = ROOT / "build" / "demo.json"
DEMO_PICTURE = ROOT / "build" / "demo-result.png"
SAMPLES = ROOT / "samples"


def short(path: Path) -> Path:
    """Return a path as typed from the repository's root, if it is below it."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
