import subprocess
import sys

import pytest

from pyspeech.pictures import picture


def test_a_picture_has_its_size_or_is_not_written(tmp_path):
    image = pytest.importorskip("matplotlib.image", reason="needs matplotlib")
    with picture(tmp_path / "a.png", 2.0, 1.5) as figure:
        figure.subplots().plot([1, 2])
    assert image.imread(tmp_path / "a.png").shape[:2] == (150, 200)
    with pytest.raises(ZeroDivisionError), picture(tmp_path / "b.png", 2.0, 1.5):
        _ = 1 / 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_without_matplotlib_the_package_is_named(tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from pathlib import Path\n"
        "from pyspeech.errors import MissingPackage\n"
        "from pyspeech.pictures import picture\n"
        "try:\n    picture(Path('a.png'), 1, 1).__enter__()\n"
        "except MissingPackage as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "matplotlib" in done.stdout
    assert "pyspeech-recipes[plot]" in done.stdout
