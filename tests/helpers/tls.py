"""Private servers that speak TLS, with certificates made for the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from console.demo.servers import PrivateServers, free_port, private_servers
from tests.helpers.certificates import key_of, make_authority, make_server_certificate


@dataclass(frozen=True)
class SecureServers:
    """Servers with certificates for 127.0.0.1, their CA, and a CA that they do not belong to."""

    servers: PrivateServers
    redis_port: int
    ca: Path
    other_ca: Path

    def redis_url(self, host: str = "127.0.0.1") -> SecretStr:
        return SecretStr(f"rediss://:{self.servers.passwords['redis']}@{host}:{self.redis_port}/0")


@contextmanager
def secure_servers(folder: Path) -> Iterator[SecureServers]:
    """Run the servers for the length of the block."""
    ca, other_ca = make_authority(folder, "ca"), make_authority(folder, "other")
    certificate = make_server_certificate(folder, "certificate", ca)
    port = free_port()
    files = {"cert": certificate, "key": key_of(certificate), "ca": ca}
    mariadb = [f"--ssl-{name}={path}" for name, path in files.items()]
    names = {"cert": "tls-cert-file", "key": "tls-key-file", "ca": "tls-ca-cert-file"}
    redis = [f"tls-port {port}", "tls-auth-clients no", *(f'{names[name]} "{path}"' for name, path in files.items())]
    with private_servers(folder / "data", *mariadb, redis_options=redis) as servers:
        yield SecureServers(servers, port, ca, other_ca)
