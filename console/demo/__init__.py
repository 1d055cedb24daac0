"""The demo: private servers, generated posts and a worker."""
