"""What made-up people do about what they are sent, by hash: shared by the stores that tests learn from."""

from collections.abc import Iterable
from datetime import timedelta

from tactful import draws
from tactful.events.records import Decision, Engagement, EngagementKind, Input


def answers(sent: Decision, chances: Iterable[tuple[EngagementKind, float]]) -> list[Input]:
    """Returns the engagements, each with its chance; a click brings her into the app."""
    found: list[Input] = []
    for kind, chance in chances:
        if draws.uniform(5, draws.key(sent.decision_id), 0, kind)[0] < chance:
            found.append(_act(sent, kind, minutes=1))
            if kind == "click":
                found.append(_act(sent, "session", minutes=2))
    return found


def _act(sent: Decision, kind: EngagementKind, minutes: int) -> Engagement:
    return Engagement(
        engagement_id=f"{kind}-{sent.decision_id}",
        user_id=sent.user_id,
        kind=kind,
        at=sent.at + timedelta(minutes=minutes),
        decision_id=sent.decision_id,
        channel=None if kind == "session" else sent.channel,
    )
