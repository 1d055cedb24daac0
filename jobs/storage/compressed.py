"""Compressed columns."""

import zlib

# Four million keywords, the most of a pattern file, take less.
_MAX_BYTES = 2**28


def deflate(content: bytes, level: int = -1) -> bytes:
    """Return what `inflate` inverts. Level 1 is the fastest."""
    return zlib.compress(content, level)


def inflate(data: bytes, name: str) -> bytes:
    """Invert `deflate`. Raises ValueError, with the name of the content, for what `deflate` cannot have returned."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, _MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"the stored {name} is damaged: {error}") from error
    if not stream.eof:
        raise ValueError(f"the stored {name} is damaged, or larger than {_MAX_BYTES:,} bytes")
    return content
