"""Run: the steps as a story (`steps.py`) and the engines that execute them (`embedded.py`).

May import every room below `runtime`, never torch. To add a runtime, write one file that runs the steps of
`steps.py`; its contract: the same log gives the same decisions as the embedded engine.
"""
