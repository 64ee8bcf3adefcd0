"""Decides beside another sender and sends nothing: what both would have told whom, when, and what models foretell.

May import the rest of `runtime`; no channel, and no store that is written to. `beside` is the story, and `feed` what
its engine hears; `mapping` and `sends` read the other sender's log, `sent` is what a service keeps of it; `standing_in`
puts its messages into the states in place of ours; `foretelling` asks the models about them; `found` is
what comes of it, `agreement` and `difference` count it; `report` says what can be said, and what not.
"""
