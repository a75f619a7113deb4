"""Pure: what the traces of one target add up to: counts, round-trip times, loss and where it is."""
