"""Online normalisation: the paper's experiments and its sweep of the decays."""
