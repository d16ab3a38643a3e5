"""The steps from one schema to the next. Run by `cloud.db.migrate`, shipped with the program."""
