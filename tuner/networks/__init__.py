"""Single networks: trained, exported, scored, described."""
