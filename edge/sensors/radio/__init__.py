"""The box's ear: Wi-Fi probe requests, live or from recordings, without anybody's address.

capture ──┐
          ├── frames (radiotap, pseudonym, fingerprint class) ──> core.presence
pcap ─────┘
watchdog, hopping: keep the radio in monitor mode and on its channels
"""
