"""Which candidates may be told at all: eligibility, aggregation, daily generation, order of the items inside."""
