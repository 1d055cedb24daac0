"""What runs in a worker process: the label job, the production job, heartbeats, the reconciler."""
