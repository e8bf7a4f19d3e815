"""``python -m pyspeech`` is the command ``pyspeech``."""

from pyspeech.cli import main

if __name__ == "__main__":
    main()
