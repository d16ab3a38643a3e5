"""The shop's own broker: what the box tells Home Assistant, Node-RED and the like."""
