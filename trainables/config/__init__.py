"""The configuration of each family: pydantic models without torch, so that a search can be checked before anything starts."""
