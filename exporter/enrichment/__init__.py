"""Names and origins of addresses, for labels: found in the background, served at once."""
