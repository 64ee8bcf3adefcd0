"""Parts of neural models, in torch: one attention or encoding a file. A part knows shapes, not notifications.

To add one, write a file with a typed `nn.Module` or function here; a model of `models/` uses it.
"""
