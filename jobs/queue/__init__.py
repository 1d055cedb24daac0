"""Redis: the queue that wakes workers, and the presence they publish."""
