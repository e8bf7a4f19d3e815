"""What the pages say is so: their commands and settings exist, their links lead somewhere, and none is forgotten."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from pyspeech.cli import COMMANDS, cli

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = [
    *sorted(DOCS.glob("*.md")),
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "recipes/README.md")),
    *sorted(PROJECT.glob("recipes/*/RESULTS.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Every ``section.key`` of a configuration that the project has.
KNOWN = {
    f"{section}.{key}"
    for path in [*PROJECT.glob("conf/*.yaml"), *PROJECT.glob("recipes/*/conf/**/*.yaml")]
    for section, keys in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    if isinstance(keys, dict)
    for key in keys
}
SETTING = re.compile(rf"({'|'.join(sorted({name.partition('.')[0] for name in KNOWN}))})\.\w+")
FILE = re.compile(r".*\.(yaml|py|safetensors|png|md|json)")


def named(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def blocks(text: str) -> Iterator[str]:
    """The commands of the blocks of shell, each in one line and without its comment."""
    for kind, block in FENCE.findall(text):
        if kind in ("sh", "bash", ""):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                yield from re.split(r" (?:&&|\||;) ", re.sub(r"(^|\s)#.*", "", line))


def commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """The words of each command ``pyspeech ...``, and whether all are there: in a block they are."""
    for line in blocks(text):
        if line.strip().startswith("pyspeech "):
            yield shlex.split(line)[1:], True
    for span in SPAN.findall(FENCE.sub("", text)):
        if span.startswith("pyspeech "):
            yield shlex.split(span)[1:], False


def resolved(words: list[str]) -> tuple[click.Context, list[str]]:
    """The command that words begin with, and the words after it."""
    context, rest = click.Context(cli, info_name="pyspeech"), list(words)
    while isinstance(context.command, click.Group):
        rest = after_options(context.command, rest)
        if not rest:
            break
        command = context.command.get_command(context, rest[0])
        assert command is not None, f"there is no command {rest[0]!r} in: pyspeech {shlex.join(words)}"
        context, rest = click.Context(command, parent=context, info_name=rest[0]), rest[1:]
    return context, rest


def after_options(group: click.Group, words: list[str]) -> list[str]:
    takes = {
        name: not option.is_flag for option in group.params if isinstance(option, click.Option) for name in option.opts
    }
    while words and words[0].startswith("-"):
        assert words[0] in takes or words[0] == "--help", f"no option {words[0]} of {group.name}"
        words = words[1 + takes.get(words[0], False) :]
    return words


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_its_commands_and_options_exist(page):
    for words, whole in commands(page.read_text(encoding="utf-8")):
        context, rest = resolved(words)
        if "--help" not in words and not isinstance(context.command, click.Group):
            allowed = () if whole and "..." not in rest else (click.MissingParameter, click.BadOptionUsage)
            with contextlib.suppress(*allowed):
                context.command.parse_args(context, rest)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_its_settings_are_those_of_configurations(page):
    text = page.read_text(encoding="utf-8")
    words = [*SPAN.findall(FENCE.sub("", text)), *(word for line in blocks(text) for word in line.split())]
    settings = {found[0] for word in words if (found := SETTING.match(word)) and not FILE.fullmatch(word)}
    assert settings - KNOWN == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_its_links_lead_to_what_is_there(page):
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not link.startswith("http"):
            name, _, heading = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not heading or heading in headings(target), link


def headings(page: Path) -> set[str]:
    """As GitHub links them."""
    lines = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_the_index_names_every_page_once():
    index = DOCS / "README.md"
    pages = [link for link in LINK.findall(index.read_text(encoding="utf-8")) if re.fullmatch(r"\w+\.md", link)]
    assert sorted(pages) == sorted(path.name for path in DOCS.glob("*.md") if path != index)


def test_every_command_is_told_of():
    told = {words[0] for page in PAGES for words, _ in commands(page.read_text(encoding="utf-8")) if words}
    assert set(COMMANDS) - told == set()
