"""Tests of the console, driven by keys, on a real MariaDB and Redis."""
