"""Hours of trouble in minutes: the daemon in a world that balances, loses, limits and is silent.

    python -m tests.soak [--targets N] [--cycles N] [--changes N]

Many targets at short intervals stand for few targets over a long time. See `make soak`.
"""
