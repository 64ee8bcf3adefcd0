"""Volume: how many messages a user gets a week (`allocate`), and how they are spread over it (`pace`).

May import `features`, `events` and the ground, never another stage of the decision. To add an allocator or
a pacer, write one pure function over arrays with one entry a user, with property tests that the volume is
never exceeded.
"""
