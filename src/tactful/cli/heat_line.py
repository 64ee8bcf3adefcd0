"""A user's day as three lines of text: the hours, what each is worth to the plan, and what is planned."""

from tactful.events.records import SlotPlan

_SHADES = " ▁▂▃▄▅▆▇█"


def heat_lines(plan: SlotPlan, now: int | None = None) -> tuple[str, str, str]:
    """Returns hours, shades and marks, three characters a slot.

    A shade is the slot's weight (her share of activity, where the plan has no other) against the day's largest.
    Marks: `J` a rank job, `S` a job whose slot the integer plan gives a send, `^` behind it (or alone) the slot of the
    decision at hand.

    Args:
        plan: of one local day.
        now: the slot of the decision, if it fell into this day.
    """
    worth = plan.slot_weights or plan.slot_probs
    top = max(worth, default=0.0)
    hours, shades, marks = "", "", ""
    for slot, p in enumerate(worth):
        level = 0 if top <= 0.0 else max(1, round(8 * p / top)) if p > 0.0 else 0
        mark = "S" if plan.sends[slot] else "J" if slot in plan.jobs else ""
        hours += f"{slot:02d} "
        shades += 2 * _SHADES[level] + " "
        marks += f"{mark + ('^' if slot == now else ''):<3}"
    return hours.rstrip(), shades, marks.rstrip()
