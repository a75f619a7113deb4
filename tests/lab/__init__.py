"""An imaginary internet that is real to the kernel, for tests and the demonstration."""
