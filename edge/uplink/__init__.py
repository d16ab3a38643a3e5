"""The way to the hub: MQTT. Reads the outbox, marks what the hub acknowledged."""
