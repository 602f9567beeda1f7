"""The container's image and the SageMaker job get every module of the packages they run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.dicom_films import SYNTAXES, dicom, film
from training.sagemaker.jobs import copy_code

ROOT = Path(__file__).parents[2]
Build = Callable[[Path], None]
IMAGE = ROOT / "serving" / "Dockerfile"


def build_context(folder: Path) -> None:
    """Copy the files that serving/Dockerfile.dockerignore includes."""
    wanted: list[str] = []
    for line in Path(f"{IMAGE}.dockerignore").read_text().splitlines():
        if line.startswith("!"):
            wanted.append(line.removeprefix("!"))
        else:
            assert line == "*" or line.startswith("#"), f"This test does not know {line}."
    for pattern in wanted:
        for path in ROOT.glob(pattern):
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def build_image(folder: Path) -> None:
    """Lay the files out as the Dockerfile's COPY lines do."""
    context = folder.with_name("context")
    build_context(context)
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", IMAGE.read_text(), re.MULTILINE):
        if source.endswith("/"):
            shutil.copytree(context / source, folder / target, dirs_exist_ok=True)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(context / source, folder / target)


def build_job(folder: Path) -> None:
    folder.mkdir()
    copy_code(folder)


def import_alone(folder: Path, modules: list[str]) -> subprocess.CompletedProcess[str]:
    """Import the modules in a process that finds this project in `folder` only."""
    code = (
        "import sys\n"
        f"root = {str(ROOT)!r}\n"
        "sys.path = [p for p in sys.path if not p.startswith(root) or 'site-packages' in p]\n"
        f"sys.path.insert(0, {str(folder)!r})\n"
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "ours = ('cxr_alert', 'imaging', 'serving', 'screening', 'training')\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.partition('.')[0] in ours and module.__file__:\n"
        f"        assert module.__file__.startswith({str(folder)!r}), module.__file__\n"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"CI": "true", "PYTHONDONTWRITEBYTECODE": "1"},
    )


PACKED = [
    pytest.param(build_image, ["serving.__main__"], id="image"),
    pytest.param(build_job, ["training.sagemaker.entry", "training.learning.train"], id="job"),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("build", "modules"), PACKED)
def test_all_packed_modules_can_be_imported(
    tmp_path: Path, build: Build, modules: list[str]
) -> None:
    build(tmp_path / "packed")
    result = import_alone(tmp_path / "packed", modules)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("build", "package", "within"),
    [
        (build_image, "imaging", ""),
        (build_image, "serving", ""),
        (build_image, "screening", "functions"),
        (build_job, "imaging", ""),
        (build_job, "serving", ""),
        (build_job, "training", ""),
        (build_job, "screening", "functions"),
    ],
)
def test_packages_are_packed_whole(tmp_path: Path, build: Build, package: str, within: str) -> None:
    build(tmp_path / "packed")
    here, there = ROOT / within / package, tmp_path / "packed" / package
    modules = {path.relative_to(here) for path in here.rglob("*.py")}
    assert modules
    assert modules <= {path.relative_to(there) for path in there.rglob("*.py")}


def test_the_function_that_renders_gets_the_codecs_that_films_need(tmp_path: Path) -> None:
    for number, syntax in enumerate(SYNTAXES):
        (tmp_path / f"{number}.dcm").write_bytes(dicom(film(), syntax))
    program = (
        "import sys; from pathlib import Path; from imaging.rendition import render;"
        "[render(path.read_bytes()) for path in Path(sys.argv[1]).iterdir()];"
        "print(Path('/proc/self/maps').read_text())"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    makefile = (ROOT / "functions" / "render" / "Makefile").read_text()
    kept: dict[str, list[str]] = {
        name: re.search(rf"^{name} := (.*)$", makefile, re.MULTILINE)[1].split()  # type: ignore[index]
        for name in ("CODECS", "CODEC_LIBRARIES")
    }
    codecs = set(re.findall(r"/imagecodecs/_(\w+)\.", ran.stdout))
    libraries = set(re.findall(r"/imagecodecs\.libs/(\w+)-", ran.stdout))
    assert codecs == set(kept["CODECS"])
    assert libraries == set(kept["CODEC_LIBRARIES"])
