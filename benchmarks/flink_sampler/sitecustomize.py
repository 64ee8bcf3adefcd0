"""Says where the Python time of a Flink job goes; Python runs this file at its start if its folder is on PYTHONPATH.

A thread looks a hundred times a second at what every other thread is doing, and counts it by the operator and by what
that has called: Flink's worker is a Java process with Python in it, which no profiler of Python can start.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

EVERY_S: Final = 0.01
WRITES_AFTER: Final = 50
_OPERATORS: Final = os.path.join("tactful", "runtime", "flink", "")


def place(frame: FrameType | None) -> str:
    """Returns "operator > what it called" of a stack, "" if no operator is on it."""
    stack = []
    while frame is not None:
        stack.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    ours = [i for i, (file, _) in enumerate(stack) if _OPERATORS in file]
    if not ours:
        return ""
    innermost = ours[0]
    file, name = stack[innermost]
    called = f" > {stack[innermost - 1][1]}" if innermost else ""
    return f"{Path(file).stem}.{name}{called}"


def look(folder: Path) -> None:
    """Counts until the process ends, and writes the counts now and then."""
    me, counts = threading.get_ident(), Counter[str]()
    path = folder / f"{os.getpid()}.json"
    for looked in range(1, sys.maxsize):
        time.sleep(EVERY_S)
        counts.update(place(frame) for thread, frame in sys._current_frames().items() if thread != me)
        if looked % WRITES_AFTER == 0:
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(counts))
            partial.replace(path)


if "FLINK_SAMPLES" in os.environ:
    threading.Thread(target=look, args=(Path(os.environ["FLINK_SAMPLES"]),), daemon=True).start()
