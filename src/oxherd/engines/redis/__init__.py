"""The Redis engine: BullMQ's data at rest, moved by scripts of our own."""
