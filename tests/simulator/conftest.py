"""Long runs switch the shape checks off: they cost thrice the run, and the short tests have made them already."""

from collections.abc import Iterator

import jaxtyping
import pytest


@pytest.fixture(scope="module")
def shapes_unchecked() -> Iterator[None]:
    """Runs a module's tests without the run-time checks of array shapes."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
