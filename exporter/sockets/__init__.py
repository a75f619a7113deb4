"""Ways to probe behind one interface."""
