"""UDP heartbeat: a monitor that knows who is alive, and a sender."""

from netlab.heartbeat.events import (
    Beaten,
    Blinded,
    Changed,
    ClockStepped,
    Event,
    Moved,
    Restored,
    Sighted,
)
from netlab.heartbeat.monitor import ClientRule, Monitor, Policy
from netlab.heartbeat.sender import HeartbeatSender
from netlab.heartbeat.server import MonitorPort, MonitorProtocol
from netlab.heartbeat.states import State
from netlab.heartbeat.style import Style

__all__ = [
    "Beaten",
    "Blinded",
    "Changed",
    "ClientRule",
    "ClockStepped",
    "Event",
    "HeartbeatSender",
    "Monitor",
    "MonitorPort",
    "MonitorProtocol",
    "Moved",
    "Policy",
    "Restored",
    "Sighted",
    "State",
    "Style",
]
