"""A key out of a file, so that it stands neither on a command line nor in a process list."""

from pathlib import Path

LONGEST = 4096  # octets; a key of 32 is what HMAC-SHA-256 can use


def read_key(name: str) -> bytes:
    """
    Read a key: the file's octets, without white space around them.

    Raises:
        ValueError: the file cannot be read, or holds no key of at most 4096 octets.
    """
    try:
        with Path(name).open("rb") as file:
            key = file.read(LONGEST + 1).strip()
    except OSError as error:
        raise ValueError(f"cannot read the key file {name}: {error.strerror}") from None
    if not 0 < len(key) <= LONGEST:
        raise ValueError(f"{name} is no key file: it holds no key, or more than {LONGEST} octets")
    return key
