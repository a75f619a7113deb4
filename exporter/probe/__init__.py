"""`/probe`: one trace now, for whoever asks and may."""
