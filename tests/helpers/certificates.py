"""Certificates made for a test, by the program openssl.

A Python package for this would install cryptography, which the drivers import wherever they find it: commands would
start slower in the development environment than in an installation.
"""

import subprocess
from pathlib import Path

_CONFIGURATION = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1
"""


def make_authority(folder: Path, name: str) -> Path:
    """Make a CA, and return the file of its certificate, `name`.pem. Its key is beside it."""
    return _make(folder, name, "authority")


def make_server_certificate(folder: Path, name: str, authority: Path) -> Path:
    """Make a certificate for 127.0.0.1 that a CA signs, and return its file. Its key is beside it."""
    return _make(folder, name, "server", "-CA", str(authority), "-CAkey", str(key_of(authority)))


def key_of(certificate: Path) -> Path:
    """Return the file of a certificate's key."""
    return certificate.with_suffix(".key")


def _make(folder: Path, name: str, kind: str, *options: str) -> Path:
    configuration, certificate = folder / "openssl.cnf", folder / f"{name}.pem"
    configuration.write_text(_CONFIGURATION)
    command = ["openssl", "req", "-x509", "-config", str(configuration), "-extensions", kind, "-subj", f"/CN={name}"]
    keys = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key_of(certificate))]
    subprocess.run([*command, *keys, "-out", str(certificate), *options], check=True, capture_output=True)
    return certificate
