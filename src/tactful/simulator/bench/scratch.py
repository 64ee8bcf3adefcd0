"""What takes long to make and is read again and again: worlds after their exploration, logs, models."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def kept(file: Path, make_it: Callable[[], T]) -> T:
    """Returns what lies in the file, made first if it is not there; a run that is killed leaves no half a file.

    Two processes that find it missing both make it, and the later one's stays: what is kept depends on its name alone.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(pickle.dumps(make_it()))
        part.rename(file)
    found: T = pickle.loads(file.read_bytes())
    return found
