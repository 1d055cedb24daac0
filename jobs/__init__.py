"""Services, storage, queue and workers. Knows no screen."""
