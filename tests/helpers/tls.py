"""Private servers that speak TLS, with certificates made for the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from pydantic import SecretStr

from console.demo.servers import PrivateServers, free_port, private_servers


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
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    port = free_port()
    files = {"cert": folder / "certificate.pem", "key": folder / "key.pem", "ca": folder / "ca.pem"}
    mariadb = [f"--ssl-{name}={path}" for name, path in files.items()]
    names = {"cert": "tls-cert-file", "key": "tls-key-file", "ca": "tls-ca-cert-file"}
    redis = [f"tls-port {port}", "tls-auth-clients no", *(f'{names[name]} "{path}"' for name, path in files.items())]
    with private_servers(folder / "data", *mariadb, redis_options=redis) as servers:
        yield SecureServers(servers, port, folder / "ca.pem", folder / "other.pem")
