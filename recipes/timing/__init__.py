"""Slot models on recorded behaviour: data sets as days, baselines, and how they are judged."""
