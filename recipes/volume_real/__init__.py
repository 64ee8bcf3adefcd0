"""What the recipes `starbucks_dose` and `hillstrom_uplift` are made of."""
