"""The demo: private servers, made-up posts, a worker."""
