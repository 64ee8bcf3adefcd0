"""The open benchmark for notification decisions: worlds, arms and models by name, cells on file, tables made of them.

May import what the simulator may. To enter an arm: one file in `simulator/arms/`, one line in `arms.py`. To enter a
world: one line in `worlds.py`, or a module of your own by `module:make`. What is compared, and how to run it:
`docs/explanation/decisions-benchmark.md`.
"""
