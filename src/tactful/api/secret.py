"""The secret that signs links and tokens: named by the settings, read from the environment, never stored."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tactful.api.problems import Problem
from tactful.delivery.links import Redirects
from tactful.delivery.unsubscribe import MIN_SECRET_BYTES, OneClick
from tactful.runtime.settings import Api

if TYPE_CHECKING:
    from tactful.api.service import Service


def secret_of(service: "Service") -> bytes:
    """Returns the secret of a service.

    Raises:
        Problem: 503, if the environment has none of 16 bytes or more.
    """
    name = service.settings.api.secret_env
    secret = os.environ.get(name, "").encode()
    if len(secret) < MIN_SECRET_BYTES:
        raise Problem(
            503,
            "no-secret",
            f"got a secret of {len(secret)} bytes in the environment variable {name}, expected at least "
            f"{MIN_SECRET_BYTES} random ones; set it where the service is started",
        )
    return secret


def one_click(settings: Api, env: Mapping[str, str]) -> OneClick | None:
    """Returns what adds one-click unsubscribe to e-mail; None without a public address.

    Raises:
        InvalidSettings: the public address is not https, or the secret is missing or too short.
    """
    if not settings.public_url:
        return None
    return OneClick(f"{settings.public_url.rstrip('/')}/u", env.get(settings.secret_env, "").encode())


def redirects(settings: Api, env: Mapping[str, str]) -> Redirects | None:
    """Returns what counts clicks and opens of e-mail; None without a public address or hosts to lead to.

    Raises:
        InvalidSettings: the secret is missing or too short.
    """
    if not settings.public_url or not settings.link_hosts:
        return None
    return Redirects(settings.public_url.rstrip("/"), env.get(settings.secret_env, "").encode(), settings.link_hosts)
