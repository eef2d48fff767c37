"""The site that every server serves: files of the sizes in `cases.FILES`."""

import random
from pathlib import Path

from .cases import FILES


def write(root: Path) -> None:
    """Write the site below *root*: text that is the same in every run and does not repeat."""
    random_ = random.Random(1)
    alphabet = bytes(range(32, 127)) * 2 + b"\n" * 66
    for path, size in FILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(random_.randbytes(size).translate(alphabet))
