"""Path histories, kept in a file across restarts."""
