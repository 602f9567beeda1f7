"""The on-site image holds every module that `send` and `receive` run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ["cxr_alert.commands.send", "delivery.schedule", "delivery.dry_run", "intake.receiver"]


def test_the_content_of_the_image_runs_alone(tmp_path: Path) -> None:
    lines = (ROOT / "delivery" / "Dockerfile").read_text()
    for source, target in re.findall(r"^COPY (\S+/) (\S+)$", lines, re.MULTILINE):
        shutil.copytree(ROOT / source, tmp_path / target, dirs_exist_ok=True)
    code = (
        "import sys, importlib\n"
        f"root = {str(ROOT)!r}\n"
        "sys.path = [p for p in sys.path if not p.startswith(root) or 'site-packages' in p]\n"
        "sys.meta_path = [m for m in sys.meta_path if 'editable' not in repr(m)]\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"for name in {MODULES!r}: importlib.import_module(name)\n"
        "from cxr_alert.program import main\n"
        "assert sys.modules['delivery'].__file__.startswith(sys.path[0])\n"
        "assert 'worklist' not in sys.modules\n"
        "main(['send', '--config', 'missing.toml'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert ran.stderr == "--config missing.toml can't be read: No such file or directory.\n"


def test_the_image_is_built_from_the_files_of_its_context() -> None:
    copied = re.findall(r"^COPY (\S+) ", (ROOT / "delivery" / "Dockerfile").read_text(), re.M)
    let_in = (ROOT / "delivery" / "Dockerfile.dockerignore").read_text()
    for source in copied:
        assert f"!{source.rstrip('/')}" in let_in, source
