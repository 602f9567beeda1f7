"""What the check of the documentation finds, on made-up pages."""

from pathlib import Path

import pytest

from tests.docs.check import Repository, check
from tests.docs.pages import Page, anchor_of
from tests.unit.templates import ROOT

REPOSITORY = Repository(
    files=frozenset({"README.md", "docs/a.md", "docs/figures/b.png", "functions/classify/app.py"}),
    options={"status": frozenset({"--json", "--stack"}), "up": frozenset()},
    targets=frozenset({"demo"}),
    parameters=frozenset({"FilmsInBatch"}),
)
README = Page(Path("README.md"), "# Try it: `make`\n\n## Twice\n\n## Twice\n")


def found(text: str, path: str = "docs/a.md") -> list[str]:
    page = Page(Path(path), text)
    return list(check(page, {"README.md": README, path: page}, REPOSITORY))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a](b.md)", "the file b.md does not exist"),
        ("[a](../docs/nowhere/)", "the file ../docs/nowhere/ does not exist"),
        ("[a](../README.md#three-times)", "README.md has no heading for the link"),
        ("[a](#here)", "docs/a.md has no heading for the link #here"),
        ("![a](figures/c.png)", "the picture figures/c.png does not exist"),
        ("`functions/classify/gone.py`", "the file functions/classify/gone.py does not exist"),
        ("`docs/gone/`", "the file docs/gone/ does not exist"),
        ("`gone.py`", "the file gone.py does not exist"),
        ("`cxr-alert vanish`", "cxr-alert has no command vanish"),
        ("```sh\n.venv/bin/cxr-alert vanish\n```", "cxr-alert has no command vanish"),
        ("`cxr-alert status --jsn`", "cxr-alert status has no option --jsn"),
        ("```sh\ncxr-alert status \\\n  --gone x\n```", "cxr-alert status has no option --gone"),
        ("`make tea`", "the Makefile has no target tea"),
        ("`python -m functions.classify.gone`", "there is no module functions.classify.gone"),
        ("`sam deploy` with `FilmsPerBatch=3`", "no template has the parameter FilmsPerBatch"),
        ("the parameter `FilmsPerBatch`", "no template has the parameter FilmsPerBatch"),
        (
            "| parameter | default |\n| --- | --- |\n| `FilmsPerBatch` | 3 |",
            "no template has the parameter FilmsPerBatch",
        ),
    ],
)
def test_each_kind_of_mistake_is_found_and_named(text: str, sentence: str) -> None:
    (mistake,) = found(f"# Title\n\n{text}\n")
    assert mistake.startswith("docs/a.md:")
    assert sentence in mistake


@pytest.mark.parametrize(
    "text",
    [
        "[a](../README.md#try-it-make) [b](../README.md#twice-1) [c](https://example.org/x#y)",
        "![a](figures/b.png) [b](figures/) [c](#title)",
        "`functions/classify/app.py` `classify/app.py` `app.py` `functions/*/app.py` `build/x.py`",
        "`cxr-alert status --json --stack x | jq --arg y` and the stack `cxr-alert`",
        "`aws ecr create-repository --repository-name cxr-alert --gone`",
        "`make demo`, `make build/.dev`",
        "`.venv/bin/python -m functions.classify.app`, `python3 -m http.server`",
        "`FilmsInBatch=3` and the parameter `FilmsInBatch`",
        "`aws s3api put --configuration BlockPublicAcls=true,IgnorePublicAcls=true`",
    ],
)
def test_existing_files_are_accepted(text: str) -> None:
    assert found(f"# Title\n\n{text}\n") == []


def test_a_mistake_is_found_at_its_line() -> None:
    assert found("# Title\n\nText.\n\n[a](b.md)\n")[0].startswith("docs/a.md:5:")


def test_the_changelog_may_name_removed_files() -> None:
    text = "`cxr-alert vanish` is gone, `functions/gone.py` too. [a](b.md)"
    assert found(text, "CHANGELOG.md") == ["CHANGELOG.md:1: the file b.md does not exist."]


def test_anchors_are_named_as_github_names_them() -> None:
    assert anchor_of("What it costs, a month (in $)") == "what-it-costs-a-month-in-"


def test_the_readme_is_read_in_a_minute_and_its_pictures_are_small() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 1_200
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs" / "figures").iterdir()}
    assert {name: size for name, size in pictures.items() if size > 200_000} == {}
