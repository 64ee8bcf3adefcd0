"""What the slot model learns from: user-days with their windows of previous days."""
