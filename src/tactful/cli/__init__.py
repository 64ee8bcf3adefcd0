"""The command line, one file a verb; it may import every room, heavy ones inside the verb so that help is fast.

To add a verb: a file with one function whose docstring is its help, and a line in `app.VERBS`. Then run
`python tests/cli/test_reference_pages.py`, which writes it into the reference.
"""

from tactful.cli.app import main

__all__ = ["main"]
