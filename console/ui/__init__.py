"""The terminal app. Only `audience console` and `audience demo` import it."""
