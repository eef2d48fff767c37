"""UDP heartbeat: a monitor that reports lost beats and stopped clients, and a sender."""

from netlab.heartbeat.monitor import Beaten, Event, Stopped, Up
from netlab.heartbeat.sender import HeartbeatSender
from netlab.heartbeat.server import MonitorProtocol

__all__ = ["Beaten", "Event", "HeartbeatSender", "MonitorProtocol", "Stopped", "Up"]
