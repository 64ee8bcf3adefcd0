"""Where records rest: the protocols, one per concern, and behind them memory and one SQLite file.

May import events and what lies below. To add a store, write one file whose class satisfies
`protocols.Store` and add it to `tests/contracts/test_store_contract.py`, which fails until you do.
"""
