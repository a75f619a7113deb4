"""What makes documents and packages of the code; no part of what is installed."""
