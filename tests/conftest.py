"""Array shapes and types of the whole package are enforced for the test run; production does not pay for them."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("tactful", "beartype.beartype")


@pytest.fixture(scope="session")
def data_path() -> Path:
    """The folder of real data sets; without it the test is skipped by name, in CI it fails."""
    path = Path(os.environ.get("TACTFUL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not path.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI must have the data sets, but {path} is not a folder; set TACTFUL_DATA")
        pytest.skip(f"no data sets at {path}; set TACTFUL_DATA to run this test")
    return path
