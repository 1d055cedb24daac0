"""Plugs really pulled: each fault disturbs a real task on real servers, then compares what came of it."""
