"""The verbs of the command line, grouped by what they are about; each gathers its options, calls a room, prints what it says."""
