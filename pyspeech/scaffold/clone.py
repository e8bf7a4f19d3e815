"""The clone of the project that this package runs from; a wheel has no recipes."""

from pathlib import Path

import pyspeech
from pyspeech.errors import UserError


def this_clone() -> Path:
    """Return the folder of the clone, which holds ``recipes/`` and ``local/``.

    Raises:
        UserError: the package was installed without them.
    """
    project = Path(pyspeech.__file__).parents[1]
    if not (project / "local" / "recipe.sh").is_file():
        raise UserError(
            f"this pyspeech is installed in {project}, without recipes; clone the project and run it there: "
            "python -m pyspeech new-recipe"
        )
    return project
