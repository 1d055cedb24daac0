"""The commands. Nothing here imports Textual before it opens the console."""
