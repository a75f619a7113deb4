"""Names to addresses and back: hosts file, `localhost`, DNS."""
