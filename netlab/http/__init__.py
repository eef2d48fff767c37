"""HTTP/1.1: a server of files and of an embedder's answers, and a client."""

from netlab.http.client import HTTPClient, Location, location_of_file, location_of_url
from netlab.http.deadline import Deadlines
from netlab.http.factory import HTTPFactory
from netlab.http.files import StaticFiles
from netlab.http.message import Answer, Fields, Request, Response, ResponseHead

__all__ = [
    "Answer",
    "Deadlines",
    "Fields",
    "HTTPClient",
    "HTTPFactory",
    "Location",
    "Request",
    "Response",
    "ResponseHead",
    "StaticFiles",
    "location_of_file",
    "location_of_url",
]
