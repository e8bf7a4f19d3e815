"""``python -m pyspeech`` is the command ``pyspeech``, whose script begins here, too.

Ctrl-C ends a program of Python by an exception, wherever it is, and within an import that shows as a traceback or as a
false error. Until a command begins there is nothing to tidy up, so the signal itself ends the process.
"""

import signal


def main() -> None:
    """Run the command line, see :func:`pyspeech.cli.main`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as behind nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pyspeech.cli import main as run

    run()


if __name__ == "__main__":
    main()
