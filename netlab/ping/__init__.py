"""UDP ping: a reflector that may lose pings on purpose, and a prober that tells what was lost."""

from netlab.ping.client import Pinger
from netlab.ping.impair import Impairment
from netlab.ping.prober import Sample, State
from netlab.ping.server import ReflectorProtocol
from netlab.ping.stats import Summary

__all__ = ["Impairment", "Pinger", "ReflectorProtocol", "Sample", "State", "Summary"]
