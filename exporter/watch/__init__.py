"""Pure: what is known of a path, cycle after cycle, and which cycles say that it has changed."""
