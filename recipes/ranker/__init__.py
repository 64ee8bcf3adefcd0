"""Rankers compared on logs of simulated worlds: the logs, the rivals, what is kept of each, and the table."""
