"""`python -m tests.docs.check`: find what the documentation names and the repository lacks."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from cxr_alert.output import say
from cxr_alert.program import parser
from tests.docs.pages import Code, Page
from tests.unit.templates import ROOT, read

# The changelog names what is gone: of it, links alone are checked.
HISTORY = Path("CHANGELOG.md")
_COMMAND = re.compile(r"(?:^\s*|/|[|;&$(]\s*)cxr-alert +([a-z][a-z-]*)(?![\w.=])([^|;&#>)]*)")
_OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")
_TARGET = re.compile(r"(?:^|[|;&]\s*)make +([a-z]+)(?![\w/.-])")
_MODULE = re.compile(r"\bpython[\d.]* -m +([a-z_]+(?:\.[a-z_]+)*)")
# Parameters of a template are apart by spaces; what is apart by commas is an option's of AWS.
_SETTING = re.compile(r"(?<![\w,=?-])((?:[A-Z][a-z]+){2,})=(?![^\s,]*,[A-Z]\w+=)")
_NAME = re.compile(r"(?:[A-Z][a-z]+){2,}")
_PATH = re.compile(
    r"[\w.*-]+(?:/[\w.*-]+)*(?:/|\.(?:py|yaml|toml|md|lock|txt|in|js|css|html|json))"
)
_OTHERS = ("build", ".venv", ".aws-sam")  # made on the machine, not in the repository


@dataclass(frozen=True)
class Repository:
    """What the documentation may name; paths are relative to the root of the repository."""

    files: frozenset[str]
    options: Mapping[str, frozenset[str]]  # by command
    targets: frozenset[str]
    parameters: frozenset[str]

    @cached_property
    def folders(self) -> frozenset[str]:
        return frozenset(
            parent.as_posix() for name in self.files for parent in Path(name).parents
        ) - {"."}


def main() -> int:
    """Print every mistake; the exit status is 1 if there is any."""
    repository = this_repository()
    pages = {
        name: Page(Path(name), (ROOT / name).read_text())
        for name in sorted(repository.files)
        if name.endswith(".md")
    }
    mistakes = [mistake for page in pages.values() for mistake in check(page, pages, repository)]
    for mistake in mistakes:
        say(mistake, error=True)
    return 1 if mistakes else 0


def this_repository() -> Repository:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    makefile = (ROOT / "Makefile").read_text()
    return Repository(
        files=frozenset(files),
        options={
            name: frozenset(command._option_string_actions) for name, command in commands().items()
        },
        targets=frozenset(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)),
        parameters=frozenset(name for path in templates() for name in read(path).parameters),
    )


def templates() -> list[str]:
    """Return the paths of all templates, the application's first."""
    found = sorted(ROOT.glob("functions/*/template.yaml"))
    return [
        "template.yaml",
        *(str(path.relative_to(ROOT)) for path in found),
        "serving/endpoint.yaml",
    ]


def commands() -> Mapping[str, argparse.ArgumentParser]:
    """Return each command's parser, former names included."""
    found = next(
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found.choices)


def check(page: Page, pages: Mapping[str, Page], repository: Repository) -> Iterator[str]:
    """Yield a sentence for each mistake of a page."""
    found = list(broken_links(page, pages, repository))
    if page.path != HISTORY:
        for code in page.code():
            found += missing_files(page, code, repository)
            found += unknown_commands(code, repository)
            found += unknown_parameters(code, repository)
        for code in page.first_cells("parameter"):
            if _NAME.fullmatch(code.text) and code.text not in repository.parameters:
                found.append((code.line, f"no template has the parameter {code.text}"))
    for line, words in sorted(set(found)):
        yield f"{page.path}:{line}: {words}."


Mistakes = Iterator[tuple[int, str]]


def broken_links(page: Page, pages: Mapping[str, Page], repository: Repository) -> Mistakes:
    for link in page.links():
        if re.match(r"[a-z]+:", link.target):
            continue
        path, _, anchor = link.target.partition("#")
        name = _joined(page.path.parent, path) if path else page.path.as_posix()
        if name not in repository.files and name not in repository.folders and name != ".":
            kind = "picture" if link.picture or name.endswith((".png", ".svg")) else "file"
            yield link.line, f"the {kind} {link.target} does not exist"
        elif anchor and anchor not in (pages[name].anchors if name in pages else ()):
            yield link.line, f"{name} has no heading for the link {link.target}"


def missing_files(page: Page, code: Code, repository: Repository) -> Mistakes:
    """Find names of files below a folder of the repository, and of Python files anywhere."""
    if code.block or not _PATH.fullmatch(code.text):
        return
    name = code.text.rstrip("/")
    first = name.partition("/")[0]
    below = "/" in code.text and (first in repository.folders or code.text.endswith(".py"))
    if first in _OTHERS or not (below or name.endswith(".py")):
        return
    known = repository.files | repository.folders
    wanted = {name, _joined(page.path.parent, name), f"functions/{name}"}
    ends = f"*/{name}"
    if not any(path in wanted or fnmatch(path, name) or fnmatch(path, ends) for path in known):
        yield code.line, f"the file {code.text} does not exist"


def unknown_commands(code: Code, repository: Repository) -> Mistakes:
    for name, rest in _COMMAND.findall(code.text):
        if name not in repository.options:
            yield code.line, f"cxr-alert has no command {name}"
            continue
        for option in _OPTION.findall(rest):
            if option not in repository.options[name]:
                yield code.line, f"cxr-alert {name} has no option {option}"
    for target in _TARGET.findall(code.text):
        if target not in repository.targets:
            yield code.line, f"the Makefile has no target {target}"
    for module in _MODULE.findall(code.text):
        path = module.replace(".", "/")
        ours = path.partition("/")[0] in repository.folders
        if ours and not {f"{path}.py", f"{path}/__main__.py"} & repository.files:
            yield code.line, f"there is no module {module} to run"


def unknown_parameters(code: Code, repository: Repository) -> Mistakes:
    """Find what is set as a parameter, and what the text before it calls one."""
    names = set(_SETTING.findall(code.text))
    if not code.block and re.search(r"\bparameters?\s*$", code.before):
        names |= {code.text} if _NAME.fullmatch(code.text) else set()
    for name in names - repository.parameters:
        yield code.line, f"no template has the parameter {name}"


def _joined(folder: Path, relative: str) -> str:
    parts: list[str] = []
    for part in (folder / relative).parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


if __name__ == "__main__":
    sys.exit(main())
