"""An allocation over files as a person reads it in a terminal."""

from rich.console import Console
from rich.table import Table

from tactful.runtime.allocating_files import FilesAllocation


def print_files_allocation(found: FilesAllocation, out: Console) -> None:
    """Prints what was given to each group, how many people have which budget, and what was not made again."""
    table = Table(title=f"{found.people:,} people of {found.partitions} partitions", title_justify="left")
    table.add_column("")
    for head in ("people", "budgets today", "allowed", "given", "active days per 1,000 at the margin"):
        table.add_column(head, justify="right")
    for group in found.groups:
        allowed = "" if group.caps_allowed is None else f"{group.caps_allowed:,.0f}"
        caps = (f"{group.caps_today:,.0f}", allowed, f"{group.caps:,.0f}")
        table.add_row(group.name, f"{group.people:,}", *caps, f"{group.price:.1f}")
    out.print(table)
    counts = ", ".join(f"{k}: {count:,}" for k, count in enumerate(found.by_budget))
    out.print(f"People by weekly budget: {counts}.", markup=False)
    made = f"{found.scored} partitions were scored, {found.kept} were as they are"
    out.print(f"{made}. Budgets are in {found.folder}/budgets, a file a partition; nothing was posted.", markup=False)
