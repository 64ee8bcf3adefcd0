"""What a ranker learns from: messages that were sent, as their decisions read them, and what became of them."""
