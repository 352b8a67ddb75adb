"""Every problem of a cluster file, before anything is started."""
