"""What is on the storage: paths, manifest, records, locks."""
