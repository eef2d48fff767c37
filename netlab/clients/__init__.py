"""The clients' command line: ``python -m netlab.clients``, or ``netlab`` once installed."""
