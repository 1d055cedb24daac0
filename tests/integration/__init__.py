"""Tests of services, workers and commands on a real MariaDB and Redis."""
