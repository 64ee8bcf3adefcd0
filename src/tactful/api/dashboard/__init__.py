"""The dashboard: pages on which an operator sees whether the volume is on target, why, and stops what must stop.

One file a page: a pure function from the store to a frozen struct, and what puts that into its template. A new page
adds its `ENDPOINTS` here and its link to `templates/frame.html`. Nothing is loaded from elsewhere, no script runs.
"""

from typing import Final

from tactful.api.dashboard import (
    channels,
    decisions,
    experiments,
    frame,
    login,
    models,
    now,
    person,
    switches,
    timing,
    volume,
)

ENDPOINTS: Final = (
    *frame.ENDPOINTS,
    *login.ENDPOINTS,
    *now.ENDPOINTS,
    *decisions.ENDPOINTS,
    *person.ENDPOINTS,
    *volume.ENDPOINTS,
    *timing.ENDPOINTS,
    *models.ENDPOINTS,
    *experiments.ENDPOINTS,
    *channels.ENDPOINTS,
    *switches.ENDPOINTS,
)
"""What this folder adds to the service."""
