"""A worker that looks for jobs in another way: `python -m tests.helpers.queue_worker LOOK_SECONDS=60 SEEN_JOBS=2`."""

import sys

from console.cli.main import main
from jobs.worker import arq_worker

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        setattr(arq_worker, name, type(getattr(arq_worker, name))(value))
    sys.argv[1:] = ["worker"]
    main()
