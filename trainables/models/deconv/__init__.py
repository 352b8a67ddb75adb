"""The networks of Network Deconvolution."""
