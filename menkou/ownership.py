"""Whose a new file is when root makes it in the folder of a service.

Called by `menkou.private_file` and `edge.faces.embedder`: an installer enrols as root, and the
service must be able to read what that made.
"""

import os
from pathlib import Path


def inherit_owner(path: Path) -> None:
    """Give a file or folder that root has made to the owner of the folder that it lies in.

    Raises:
        OSError: that is not possible.
    """
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def make_folder(folder: Path) -> None:
    """Make a folder (0700) and those above it where there are none, each as its parent's owner's.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    inherit_owner(folder)
