"""Pattern files and the label models built from them. Knows no database and no screen."""
