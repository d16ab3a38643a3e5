"""Sends what goes out of the shop: signed webhooks, short messages, WeCom, DingTalk, Feishu."""
