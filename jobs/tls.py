"""TLS: how connections are encrypted, and which servers are trusted."""

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Tls:
    """Required encryption, to a server whose certificate and host name are verified."""

    settings: str
    """The settings that require it, for messages."""
    ca: Path | None
    """File of the only trusted CA certificates. None: the system's."""

    def context(self) -> ssl.SSLContext:
        """Return the context for a driver. A process reads the file once. Raises OSError if it cannot be read."""
        return _context(self.ca)

    def refusal(self, reason: str) -> str:
        """Return the message for a refused connection."""
        return f"{reason}; see {self.settings}"


@lru_cache
def _context(ca: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)  # verifies the certificate and the host name by default


def read_certificates(path: Path) -> None:
    """Raise ValueError if the file holds no CA certificates. The message completes the name of a setting."""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError("holds no certificate in PEM form") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


def tls_failure(error: BaseException | None) -> str | None:
    """Describe the TLS failure that caused an exception.

    None if the cause is no TLS failure, or a lost connection, which may work on a retry.
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
