"""The process itself: its log, its memory, its service manager."""
