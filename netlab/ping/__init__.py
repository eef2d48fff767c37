"""UDP ping: a reflector that may lose pings on purpose, and an instrument that tells what became of them."""

from netlab.ping.client import Pinger, Samples
from netlab.ping.impair import Impairment
from netlab.ping.plan import Plan
from netlab.ping.sample import Sample, State
from netlab.ping.server import ReflectorProtocol
from netlab.ping.stamping import StampReflector
from netlab.ping.stats import Report

__all__ = [
    "Impairment",
    "Pinger",
    "Plan",
    "ReflectorProtocol",
    "Report",
    "Sample",
    "Samples",
    "StampReflector",
    "State",
]
