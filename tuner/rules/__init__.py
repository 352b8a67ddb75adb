"""Who goes on at a rung: the rules, a file each, and their memory, which judge, verification, replay and forecast share."""
