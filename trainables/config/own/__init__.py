"""A user's own training code: how it travels, what it may be, what configures it. Without torch unless the code imports it."""
