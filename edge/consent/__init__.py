"""The texts that people agree to, as they ship: `{version}.{language}.md`. Read by `texts`."""
