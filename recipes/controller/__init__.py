"""The test bench of the volume controller: a plant, disturbances, rules for the price, and a judge of them."""
