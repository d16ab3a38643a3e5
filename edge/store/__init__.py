"""What the box keeps: SQLite in WAL mode through sqlite-utils. Calls the core and the wire."""
