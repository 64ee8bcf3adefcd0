"""Features: how records become numbers, by pure extractors used online and offline alike, and the one join.

May import `events` and the ground (`errors`, `draws`, `clock`, `kernel`). To add a feature, write a function
over columns here and use it in the runtime and in training: the agreement test compares the two paths.
"""
