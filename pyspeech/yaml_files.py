"""YAML that may come from anywhere, read in one way and within bounds.

YAML can name a value once and use it often (``&a``, ``*a``): a file of a kilobyte so stands for gigabytes. Keys of any
type, the same key twice, and numbers of a thousand digits are YAML, too, and no settings.
"""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml

from pyspeech.errors import UserError
from pyspeech.files import existing_file

MAX_BYTES = 1 << 20
MAX_DEPTH = 32  # of mappings and lists within each other
MAX_VALUES = 100_000  # each counted as often as it is used
MAX_NUMBER = 64  # characters of one

NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Builds plain values, as :class:`yaml.SafeLoader` does, after the nodes were checked."""

    def fetch_tag(self) -> None:
        raise _fault("tags (!) are not read; write plain values", self.get_mark())

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        if self.flow_level >= MAX_DEPTH:
            raise _fault(f"nested more than {MAX_DEPTH} deep", self.get_mark())
        super().fetch_flow_collection_start(token)

    def add_indent(self, column: int) -> bool:
        if len(self.indents) >= MAX_DEPTH:
            raise _fault(f"nested more than {MAX_DEPTH} deep", self.get_mark())
        return bool(super().add_indent(column))

    def get_single_data(self) -> Any:  # noqa: ANN401 -- what YAML can hold
        node = self.get_single_node()
        if node is None:
            return None
        _count(node, {}, ())
        return self.construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == MERGE:
                continue
            if key.tag != "tag:yaml.org,2002:str":
                raise _fault(f"the key {_shown(key)} is no word; quote it if it is one", key.start_mark)
            if key.value in seen:
                raise _fault(f"the key '{key.value}' stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:  # noqa: ANN401 -- what YAML can hold
    """Return the value of a YAML text: nothing but plain values, and only words as keys.

    Raises:
        ValueError: it is no such YAML, in one line.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES >> 10} KiB")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader
    except (yaml.YAMLError, ValueError) as error:  # the latter of a date, or a number, that is none
        raise ValueError(" ".join(str(error).split())) from error


def read_yaml_mapping(path: Path, what: str) -> dict[str, Any]:
    """Read a YAML file that holds keys with values; an empty one holds none.

    Raises:
        UserError: there is no such file, or it holds something else.
    """
    try:
        with existing_file(path, what).open("rb") as stream:
            values = parse_yaml(stream.read(MAX_BYTES + 1).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; give a YAML file") from error
    except ValueError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected sections with keys, found {type(values).__name__}")
    return values


def _count(node: yaml.Node, counted: dict[int, int], above: tuple[int, ...]) -> int:
    """Return how many values a node stands for."""
    if id(node) in above:
        raise _fault("a value holds itself", node.start_mark)
    if id(node) not in counted:
        if len(above) >= MAX_DEPTH:
            raise _fault(f"nested more than {MAX_DEPTH} deep", node.start_mark)
        if node.tag in NUMBERS and len(node.value) > MAX_NUMBER:
            raise _fault(f"a number of {len(node.value)} characters", node.start_mark)
        counted[id(node)] = 1 + sum(_count(part, counted, (*above, id(node))) for part in _parts(node))
        if counted[id(node)] > MAX_VALUES:
            raise _fault(f"more than {MAX_VALUES} values", node.start_mark)
    return counted[id(node)]


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _shown(node: yaml.Node) -> str:
    return f"'{node.value}'" if isinstance(node, yaml.ScalarNode) else "that is a list or a mapping"


def _fault(problem: str, mark: yaml.Mark) -> yaml.YAMLError:
    return yaml.YAMLError(f"line {mark.line + 1}: {problem}")
