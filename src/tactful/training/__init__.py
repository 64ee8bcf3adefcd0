"""Learn: labels from logs, fitted models, and reports of how good they are; may import models, decision,
experiments, features, stores, events and below. Serving never imports it.

To teach a model, add a folder of its own: what is read from the log, the labels, one `fit` that returns the
model of `models/` with a report. A row trains a head only after the head's window has closed.
"""
