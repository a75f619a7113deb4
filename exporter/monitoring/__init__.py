"""What is done with targets, cycle after cycle, and what is remembered of each."""
