"""Who responds to what: data sets with their protocols, simple rivals, and how all are judged."""
