"""Classes of the user's own: ``module:Class`` in a configuration, from ``module.py`` in the folder of the recipe.

Code runs only from the folder of a configuration that a command names, and from folders that :func:`trust` was told of:
an experiment carries a copy of the code that it was trained with, and who was given one says that it may run.
"""

import importlib
import os
import shutil
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from pyspeech.errors import UserError
from pyspeech.files import complete, digest

CODE = "code"  # in the folder of a training: the files that its classes are from
_trusted: list[Path] = []
_classes: dict[str, type] = {}
_folder: list[Path] = []  # that the modules are from: none, or one


def trust(*folders: Path | str) -> None:
    """Let code run that lies in these folders, or below them, for as long as this process lives."""
    for folder in folders:
        if not Path(folder).is_dir():
            raise UserError(f"no folder {folder}; --code takes one whose code may run, of a recipe or an experiment")
        _trusted.append(_plain(folder))


def trusted() -> tuple[Path, ...]:
    """Return what :func:`trust` was told, for another process."""
    return tuple(_trusted)


def is_own(name: str) -> bool:
    """Whether a name in a configuration is of a class of the user's own."""
    return ":" in name


def recipe_folder(configuration: Path) -> Path:
    """Return the folder whose code a configuration may name: that above its ``conf``, else the one it lies in."""
    folder = _plain(configuration).parent
    within = [parent for parent in (folder, *folder.parents) if parent.name == "conf"]
    return within[0].parent if within else folder


def import_classes(names: Iterable[str], folder: Path) -> None:
    """Import from ``folder`` what those of ``names`` stand for that are of classes of one's own.

    Raises:
        UserError: another form than ``module:Class``, no such file or class, a file called like a module of Python, or
            one that cannot be imported.
    """
    for name in filter(is_own, names):
        module, _, attribute = name.partition(":")
        if not (module.isidentifier() and attribute.isidentifier()):
            raise UserError(f"'{name}' names no class; write module:Class, for the class Class in module.py")
        kind = getattr(_module(module, folder, name), attribute, None)
        if not isinstance(kind, type):
            raise UserError(f"{folder / module}.py has no class {attribute}, which '{name}' names")
        _classes[name] = kind


def import_trusted_classes(names: Iterable[str], exp: Path) -> None:
    """Import those of ``names`` from the code that an experiment carries.

    Raises:
        UserError: nobody has said that this code may run; else as :func:`import_classes`.
    """
    own = sorted(filter(is_own, names))
    code = _plain(exp / CODE)
    if own and not any(code.is_relative_to(folder) for folder in _trusted):
        raise UserError(
            f"{exp} needs code that it carries ({', '.join(own)} in {exp / CODE}); look at it, and if it may run, say "
            f"so: pyspeech --code {exp} ... (in Python, pyspeech.own_code.trust)"
        )
    import_classes(own, code)


def own_class(name: str) -> type | None:
    """Return the class that a name stands for; None if none was loaded."""
    return _classes.get(name)


def code_files() -> dict[str, Path]:
    """The files in use of the folder that classes were loaded from, by their paths in it."""
    return {str(file.relative_to(folder)): file for folder in _folder for file in _own_modules(folder).values()}


def code_digest(names: Iterable[str]) -> str:
    """Name the content of the code in use for these names; the same for all that need none."""
    files = code_files() if any(map(is_own, names)) else {}
    return digest(*(part for name, file in sorted(files.items()) for part in (name, file)))


def save_code(exp: Path, names: Iterable[str]) -> None:
    """Copy the code in use for these names into an experiment."""
    if not any(map(is_own, names)):
        return
    with complete(exp / CODE) as partial:
        for name, file in code_files().items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, partial / name)


def _module(name: str, folder: Path, wanted: str) -> ModuleType:
    file = folder / f"{name}.py"
    if not file.is_file():
        raise UserError(f"'{wanted}' is of {name}.py, which {folder} does not hold")
    if _folder != [folder]:
        _forget()
        _folder.append(folder)
    loaded = sys.modules.get(name)
    if loaded is not None and _file_of(loaded) == file:
        return loaded
    if loaded is not None or name in sys.stdlib_module_names:
        raise UserError(f"{file} is called like a module that Python has; call it otherwise, for '{wanted}'")
    importlib.invalidate_caches()
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # an experiment stays as it is
    sys.path.insert(0, str(folder))  # also for what the file imports from beside it
    try:
        return importlib.import_module(name)
    except Exception as error:
        [*_, last] = traceback.extract_tb(error.__traceback__)
        raise UserError(
            f"{file} cannot be imported: {type(error).__name__}: {error} ({last.filename}, line {last.lineno})"
        ) from error
    finally:
        sys.path.remove(str(folder))
        sys.path.append(str(folder))  # what is imported later comes behind all else
        sys.dont_write_bytecode = writes


def _forget() -> None:
    """Let the names of modules stand for files of another folder."""
    for folder in _folder:
        for name in _own_modules(folder):
            del sys.modules[name]
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
    _folder.clear()
    _classes.clear()


def _own_modules(folder: Path) -> dict[str, Path]:
    """Files of the modules that were imported from a folder, by name.

    Not of packages that are installed somewhere below it, nor of this one where it is the folder of the project.
    """
    modules = {}
    for name, module in list(sys.modules.items()):
        file, top = _file_of(module), name.partition(".")[0]
        own = file is not None and (file == folder / f"{top}.py" or file.is_relative_to(folder / top))
        if file is not None and own and top != __package__:
            modules[name] = file
    return modules


def _plain(path: Path | str) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 -- without "..", and with links: to disks where experiments lie


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if isinstance(file, str) else None
