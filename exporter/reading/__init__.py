"""Pure: what a finished trace says: its path, the way back, routers; in words and in JSON."""
