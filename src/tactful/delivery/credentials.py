"""Secrets come from the environment, by the name that the settings give; a missing one is told before any send."""

from collections.abc import Mapping
from pathlib import Path

from tactful.errors import MissingCredential


def secret(env: Mapping[str, str], name: str, what: str) -> str:
    """Returns the secret that an environment variable holds.

    Args:
        env: the environment, such as `os.environ`.
        name: the variable's name, as the settings have it.
        what: what it must hold, for the person who has to set it.

    Raises:
        MissingCredential: if it is not set, or empty.

    >>> secret({"SMTP_PASSWORD": "s3cret"}, "SMTP_PASSWORD", "the password at the mail server")
    's3cret'
    """
    value = env.get(name, "").strip() if name else ""
    if not value:
        got = f"the environment variable {name} is not set" if name else "no environment variable is named"
        raise MissingCredential(
            f"{got}; expected one that holds {what}; name it in the settings, set it and start again"
        )
    return value


def secret_file(env: Mapping[str, str], name: str, what: str) -> str:
    """Returns the text of the file whose path an environment variable holds.

    Raises:
        MissingCredential: if the variable is not set, or the file cannot be read.
    """
    path = Path(secret(env, name, f"the path of {what}"))
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MissingCredential(f"{name} names {path}, which cannot be read ({reason}); expected {what}") from error
