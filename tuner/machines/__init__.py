"""What there is to train on: Ray, its nodes, and what each trial is given of them."""
