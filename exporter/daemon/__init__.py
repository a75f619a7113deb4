"""The daemon put together: where its targets come from, who gets what, and how long it lives."""
