"""`python -m oxherd` is the command `oxherd`."""

from __future__ import annotations

from oxherd.cli import main

if __name__ == "__main__":
    main()
