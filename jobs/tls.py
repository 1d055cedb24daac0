"""TLS: how a connection is encrypted, and which servers it takes for the right ones."""

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Tls:
    """Encryption that a connection must have, with a server whose certificate and name are verified."""

    settings: str
    """The settings that say so, for messages."""
    ca: Path | None
    """File of the only CA certificates that are trusted; None: those of the system."""

    def context(self) -> ssl.SSLContext:
        """What a driver encrypts with; the file is read once in a process. Raises OSError where it cannot be."""
        return _context(self.ca)

    def refusal(self, reason: str) -> str:
        """The words for a server that is not spoken to."""
        return f"{reason}; see {self.settings}"


@lru_cache
def _context(ca: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)  # by default verifies the certificate and the host's name


def read_certificates(path: Path) -> None:
    """Raises ValueError where the file holds no CA certificates, in words that follow the name of its setting."""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError("holds no certificate in PEM form") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


def tls_trouble(error: BaseException | None) -> str | None:
    """What is wrong with a server's TLS, in words, where that is what an exception comes from.

    None for a connection that was merely lost: it may work when tried again.
    """
    while error is not None:
        match error:
            case ssl.SSLCertVerificationError():
                return f"its certificate is not accepted: {error.verify_message.rstrip('.')}"
            case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLSyscallError():
                return None
            case ssl.SSLError():
                return f"no TLS with it: {(error.reason or str(error)).lower().replace('_', ' ')}"
        error = error.__cause__ or error.__context__
    return None
