"""HTTP/1.1: a server of files and of an embedder's answers, and a client."""

from netlab.http.client import Fetched, HTTPClient
from netlab.http.connection import Sink, Trace
from netlab.http.deadline import Deadlines
from netlab.http.dial import Timeouts
from netlab.http.download import download
from netlab.http.factory import HTTPFactory
from netlab.http.files import StaticFiles
from netlab.http.location import Location, location_of_file, location_of_url
from netlab.http.message import Answer, Fields, Request, Response, ResponseHead
from netlab.http.outgoing import Redirects
from netlab.http.tls import TLS

__all__ = [
    "TLS",
    "Answer",
    "Deadlines",
    "Fetched",
    "Fields",
    "HTTPClient",
    "HTTPFactory",
    "Location",
    "Redirects",
    "Request",
    "Response",
    "ResponseHead",
    "Sink",
    "StaticFiles",
    "Timeouts",
    "Trace",
    "download",
    "location_of_file",
    "location_of_url",
]
