"""BatchNorm only: the paper's figure and a reproduction's runs."""
