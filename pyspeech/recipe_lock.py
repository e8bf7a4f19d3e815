"""The lock of a recipe's folder, for the shell that has its file open: ``python recipe_lock.py DESCRIPTOR MODE WHO``.

MODE is ``alone`` or ``shared``. The lock is the shell's, and ends with it. Run without the package, for speed.
"""

import fcntl
import os
import sys

MODES = {"alone": fcntl.LOCK_EX, "shared": fcntl.LOCK_SH}


def main() -> None:
    """Take the lock, or say who has it and end with 1."""
    descriptor, mode, who = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    try:
        fcntl.flock(descriptor, MODES[mode] | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 1 << 12, 0).decode(errors="replace")
        sys.exit(
            f"error: this recipe is being run by {holder or 'another process'}; wait until it ends, or stop it "
            "(from stage 4 on, several models can be trained at once)"
        )
    except OSError:  # a file system without locks: the locks of single outputs would fail there, too
        return
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, who.encode(errors="replace"), 0)


if __name__ == "__main__":
    main()
