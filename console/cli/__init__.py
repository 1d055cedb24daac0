"""The commands. Nothing here imports Textual before a terminal app is opened."""
