"""Network deconvolution: Tables 1 and 2, and the code of 2019."""
