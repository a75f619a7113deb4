"""One trace: which probe next, and what sends it; several flows, and the path MTU beside them."""
