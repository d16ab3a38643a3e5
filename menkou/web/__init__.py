"""Pages over HTTP for both sides: languages, guards, live updates, the server. Knows neither."""
