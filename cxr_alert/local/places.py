"""Where the commands on this machine keep their state, and the sample films."""

from pathlib import Path

from cxr_alert.local.processes import ROOT

UP = ROOT / "build" / "local"
DEMO = UP / "demo"
DEMO_RESULT = ROOT / "build" / "demo.json"
DEMO_PICTURE = ROOT / "build" / "demo-result.png"
SAMPLES = ROOT / "samples"


def short(path: Path) -> Path:
    """Return a path as one types it from the repository's root, where it lies below."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
