"""The commands beside the daemon: `check`, `sockets` and `trace`."""
