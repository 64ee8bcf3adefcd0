"""What a change of policy would have brought, read out of a store: one file for each row of `experiments.identify`."""
