"""Imports point one way: read from the sources, so that no import hidden in a function escapes."""

import ast
import graphlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = sorted((PROJECT / "pyspeech").rglob("*.py"))

# Every part imports itself and what stands after it, never what stands before. Modules beside the packages (files,
# errors, ...) stand after all of them.
RANKS = (
    "__main__",
    "cli",
    "api",
    "environment",
    "results",
    "scaffold",
    "formats",
    "validation",
    "inference",
    "training",
    "rescoring",
    "decoding",
    "tasks",
    "graph",
    "losses",
    "models",
    "corpora",
    "data",
    "speakers",
    "scoring",
    "lm",
    "lang",
)
HEAVY = {"torch", "torchaudio", "k2", "_k2", "lhotse"}
FILE_MODULES = {"io", "json", "os", "pathlib", "pickle", "safetensors", "shutil", "tempfile", "yaml", "lhotse"}


def modules_of(path):
    """The name of a source file as a module."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {modules_of(path): path for path in SOURCES}


@cache
def imports(source, at_import=False):
    """The modules that a source imports; ``at_import`` leaves out those in functions and under TYPE_CHECKING."""
    found = set()
    nodes = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(name if name in MODULES else node.module for name in names)
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        lazy = lazy or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        if not (lazy and at_import):
            nodes.extend(ast.iter_child_nodes(node))
    return frozenset(found)


def imports_of(path):
    return imports(path.read_text(encoding="utf-8"))


def top(module):
    return module.partition(".")[0]


def part(module):
    """``graph`` for ``pyspeech.graph.compose``."""
    return module.split(".")[1] if "." in module else ""


def rank(module):
    """The less, the further up."""
    return RANKS.index(part(module)) if part(module) in RANKS else len(RANKS)


def loaded_with(module):
    """What importing ``module`` imports in turn, through all modules of the project."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in MODULES:
            waiting.extend(imports(MODULES[name].read_text(encoding="utf-8"), at_import=True))
            waiting.append(name.rpartition(".")[0] or name)  # a package comes before its modules
    return seen


def files_in(*packages):
    return [pytest.param(path, id=modules_of(path)) for path in SOURCES if part(modules_of(path)) in packages]


@pytest.mark.parametrize("path", SOURCES, ids=modules_of)
def test_imports_point_down_only(path):
    name = modules_of(path)
    for imported in imports_of(path):
        if top(imported) == "pyspeech" and imported != "pyspeech":
            assert rank(imported) >= rank(name), f"{name} imports {imported}"
        assert top(imported) not in {"recipes", "tests", "tools"}


def test_every_package_has_a_rank():
    packages = {path.parent.name for path in SOURCES if path.name == "__init__.py"} - {"pyspeech"}
    nested = {path.parent.name for path in SOURCES if path.name == "__init__.py" and path.parents[1].name != "pyspeech"}
    assert packages - nested <= set(RANKS)


def test_no_modules_import_each_other_in_a_circle():
    order = graphlib.TopologicalSorter(
        {name: {each for each in imports_of(path) if each in MODULES} - {name} for name, path in MODULES.items()}
    )
    order.prepare()  # which names the circle that it finds


def test_only_command_lines_import_click():
    importers = {modules_of(path) for path in SOURCES if "click" in {top(name) for name in imports_of(path)}}
    assert {name for name in importers if part(name) != "cli"} == {"pyspeech.command_line"}


def test_messages_go_through_logging():
    for path in SOURCES:
        calls = [ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not [call for call in calls if call.startswith("print(") or "err=True" in call], path


@pytest.mark.parametrize("path", files_in("models", "losses"))
def test_models_and_losses_know_no_files(path):
    text = path.read_text(encoding="utf-8")
    imported = imports(text)
    assert not {top(name) for name in imported} & FILE_MODULES
    assert not {"pyspeech.files", "pyspeech.config"} & imported
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}
    assert not called & {"open", "torch.load", "torch.save"}


LIGHT = ("scoring", "speakers", "rescoring", "lm", "formats")


@pytest.mark.parametrize("path", files_in(*LIGHT))
def test_a_laptop_scores_rescores_exports_and_trains_language_models_without_torch_and_k2(path):
    assert not {top(name) for name in imports_of(path)} & HEAVY
    assert not {top(name) for name in loaded_with(modules_of(path))} & HEAVY


NEED_A_NETWORK = {"decoder", "run", "search"}


def test_what_a_decode_stored_is_read_with_numpy_alone():
    for name in MODULES:
        if part(name) == "decoding" and name.rpartition(".")[2] not in NEED_A_NETWORK:
            assert not {top(loaded) for loaded in loaded_with(name)} & HEAVY, name
    assert not {top(loaded) for loaded in loaded_with("pyspeech.api")} & HEAVY


def test_only_graphs_search_and_losses_import_k2():
    importers = {modules_of(path) for path in SOURCES if {top(name) for name in imports_of(path)} & {"k2", "_k2"}}
    allowed = {"pyspeech.decoding.search", "pyspeech.environment"}  # the latter to say whether k2 works
    assert {name for name in importers if part(name) not in {"graph", "losses"}} <= allowed


def test_the_command_line_imports_nothing_heavy_before_a_command_runs():
    for name in MODULES:
        if part(name) == "cli":
            assert not {top(loaded) for loaded in loaded_with(name)} & HEAVY, name


def test_python_agrees_that_these_load_nothing_heavy():
    names = [name for name in MODULES if part(name) in {*LIGHT, "api"}]
    program = f"import {', '.join(names)}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def test_the_reader_finds_imports_wherever_they_stand():
    source = """
import os.path
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import torch
try:
    from pyspeech.errors import UserError
except ImportError:
    pass
class C:
    import json
def f():
    from pyspeech import files
    import k2
"""
    always = {"os.path", "typing", "pyspeech.errors", "json"}
    assert imports(source, at_import=True) == always
    assert imports(source) == always | {"torch", "k2", "pyspeech.files"}
