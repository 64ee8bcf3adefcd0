"""Act: render and send the message of a decision, retry, honour unsubscribe, at most one send per decision.

May import `stores`, `events` and what lies below them; knows no models and decides nothing. A new channel is
one file in `channels/` and a rig in the channel contract (`docs/how-to/add-a-channel.md`).
"""
