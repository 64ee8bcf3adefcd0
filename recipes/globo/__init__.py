"""The parts of `recipes/globo_replay.py`: who did what (`people`), the daily producer, and the judging."""
