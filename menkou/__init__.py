"""What the box and the hub share: settings, web serving, workers. Knows neither of them."""

__version__ = "0.1.0"
