"""How numbers are said to people. Used by the commands of both programs."""


def counted(number: int, one: str, more: str | None = None) -> str:
    """Return a number with its noun: `1 member`, `1200 members`, `2 boxes`.

    Args:
        number: how many.
        one: the noun for one.
        more: the noun for any other number (default: with an s).
    """
    return f"{number} {one if number == 1 else more or one + 's'}"
