"""The SQLite engine: one file, one writer, and the memory store of the tests."""
