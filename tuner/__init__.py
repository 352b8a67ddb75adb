"""The service: launches, watches, resumes and shows searches. Knows nothing about models."""
