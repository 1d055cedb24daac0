"""Tasks, windows, definitions and tallies: data and rules, without I/O."""
