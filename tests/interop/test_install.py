"""The package as pip installs it."""

import re
import shutil
import sys
import sysconfig
from pathlib import Path

from tests.processes import ROOT, TWISTD, absent, run


def test_install(tmp_path: Path) -> None:
    """``pip install .`` in a fresh environment gives the three plugins, the clients and the types."""
    source, environment, elsewhere = tmp_path / "source", tmp_path / "environment", tmp_path / "elsewhere"
    for folder in ("netlab", "twisted"):
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("*.pyc", "dropin.cache")
        )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    elsewhere.mkdir()
    python = environment / "bin" / "python"
    assert run(sys.executable, "-m", "venv", "--without-pip", environment).returncode == 0
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python]
    installed = run(*pip, "install", "--no-deps", source, cwd=elsewhere, seconds=120)
    if b"No matching distribution found for setuptools" in installed.stderr:
        absent("pip cannot fetch setuptools, which builds the package")
    assert installed.returncode == 0, installed.stderr.decode()

    # What netlab depends on is borrowed; netlab itself is not on that path.
    packages = Path(
        run(python, "-c", "import site; print(site.getsitepackages()[0])").stdout.decode().strip()
    )
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-c", "import netlab; print(netlab.__file__)", cwd=elsewhere).stdout.decode()
    assert where.strip() == str(packages / "netlab" / "__init__.py")
    assert (packages / "netlab" / "py.typed").exists()

    listed = run(python, TWISTD, "--help", cwd=elsewhere)
    assert len(re.findall(r"^ +netlab-(http|ping|heartbeat) ", listed.stdout.decode(), re.MULTILINE)) == 3
    assert b"Traceback" not in listed.stderr
    helped = run(environment / "bin" / "netlab", "--help", cwd=elsewhere)
    assert helped.returncode == 0
    assert b"heartbeat" in helped.stdout
