"""Where events go, and that they never hold the monitor up."""
