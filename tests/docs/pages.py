"""A page of the documentation as its checks see it: links, headings, code and tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Link:
    line: int
    target: str
    picture: bool


@dataclass(frozen=True)
class Code:
    """An inline code span, or one command line of a code block; `before` is the text before it."""

    line: int
    text: str
    before: str
    block: bool


@dataclass(frozen=True)
class Page:
    """One Markdown file; `path` is relative to the repository."""

    path: Path
    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        return MARKDOWN.parse(self.text)

    @cached_property
    def anchors(self) -> set[str]:
        """The headings as GitHub names them in addresses."""
        found: set[str] = set()
        for opening, content in pairwise(self.tokens):
            if opening.type == "heading_open":
                slug = anchor_of(_plain_text(content))
                number = 0
                while (name := f"{slug}-{number}" if number else slug) in found:
                    number += 1
                found.add(name)
        return found

    def links(self) -> Iterator[Link]:
        for line, token in self._inline():
            if token.type == "link_open":
                yield Link(line, str(token.attrs["href"]), picture=False)
            elif token.type == "image":
                yield Link(line, str(token.attrs["src"]), picture=True)

    def code(self) -> Iterator[Code]:
        before = ""
        for line, token in self._inline():
            if token.type == "code_inline":
                yield Code(line, token.content, before, block=False)
            before = token.content
        for token in self.tokens:
            if token.type == "fence":
                joined = token.content.replace("\\\n", " ")
                for number, text in enumerate(joined.splitlines(), start=_line(token) + 1):
                    yield Code(number, text, "", block=True)

    def first_cells(self, heading: str) -> Iterator[Code]:
        """Yield the code of the first column of each table whose first column has that heading."""
        wanted, cell = False, 0
        for opening, content in pairwise(self.tokens):
            if opening.type == "tr_open":
                cell = 0
            elif opening.type in ("th_open", "td_open"):
                cell += 1
                if cell == 1 and opening.type == "th_open":
                    wanted = _plain_text(content).strip().lower() == heading
                elif cell == 1 and wanted:
                    for child in content.children or ():
                        if child.type == "code_inline":
                            yield Code(_line(content), child.content, "", block=False)

    def _inline(self) -> Iterator[tuple[int, Token]]:
        for token in self.tokens:
            for child in token.children or ():
                yield _line(token), child


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _plain_text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1
