"""The process that a trial lives in: its memory, its bound on time, its team."""
