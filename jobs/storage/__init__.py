"""All SQL: connections, schemas, and one module for each table."""

import getpass
import os

# aiomysql looks up the account's name when it is imported. Since Python 3.13 that fails if the account has none, as in
# a container.
try:
    getpass.getuser()
except (KeyError, OSError):
    os.environ["LOGNAME"] = str(os.getuid())
