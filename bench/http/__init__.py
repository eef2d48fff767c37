"""Static web servers side by side on this machine: `python -m bench.http --help` says how."""
