"""Rich renderables of an experiment, at most 100 columns wide; text from configurations and logs is never markup."""
