"""Keys of an embedded portal: made once on this machine, kept in files only their owner can read."""

import os
import secrets
from pathlib import Path


def kept_key(path: Path) -> str:
    """Return the key kept at `path`, making a random one (mode 0600) where there is none yet.

    Several processes may ask at the same time on a first start: the key is written to a file of its own
    and then linked into place, so that whoever is first decides and everybody reads the same whole key.

    Args:
        path: file the key is kept in; its folder is made (mode 0700) when missing.

    Raises:
        OSError: the folder cannot be written to.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
