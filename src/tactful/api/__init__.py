"""Talk: HTTP in and out. One file a concern; `endpoint.py` is what each declares, `app.py` puts them together."""
