"""What somebody at the shop's desk can do, a class a topic; used alike by pages and API."""
