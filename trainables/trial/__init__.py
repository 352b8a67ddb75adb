"""One trial: k replicates of one configuration in lock-step."""
