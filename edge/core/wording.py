"""Text that somebody typed, as it is kept. Pure."""


def one_line(text: str, most: int | None = None) -> str:
    """Return text as one printable line without spaces around it, of at most so many characters."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(line.split())[:most]
