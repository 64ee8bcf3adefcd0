"""What can happen: the frozen records, the event types and the registry that holds them.

It may import only `errors`, `draws` and `clock`.

To add an event type, add one file to `types/` or to a folder of your own; `registry.load_folder`
checks it, and no code changes.
"""
