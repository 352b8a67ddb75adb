"""A linear classifier of scikit-learn on handwritten digits, batch by batch. Which penalty is best? No PyTorch."""

import numpy as np
from ray import tune
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from search_spaces import Budget, Objective, SearchSpace

IMAGES, LABELS = load_digits(return_X_y=True)


class Linear:
    def __init__(self, config, seed, device):
        self.seed, self.epochs = seed, 0
        self.model = SGDClassifier(alpha=config["alpha"], penalty=config["penalty"], random_state=seed)

    def epoch(self):
        for batch in np.array_split(self.seed.numpy("order", self.epochs).permutation(1400), 20):
            self.model.partial_fit(IMAGES[batch], LABELS[batch], classes=range(10))
        self.epochs += 1
        return {"error": 1 - self.model.score(IMAGES[1400:], LABELS[1400:]), "samples": 1400}

    def state(self):
        return self.model, self.epochs

    def load(self, state):
        self.model, self.epochs = state


def space():
    knobs = {"alpha": tune.loguniform(1e-6, 1e2), "penalty": tune.choice(["l1", "l2", "elasticnet"])}
    usual = {"alpha": 1e-4, "penalty": "l2"}
    budget = Budget(epochs=9, grace=1, trials=32)
    return SearchSpace(parameters=knobs, baseline=usual, objective=Objective("error", "min"), budget=budget)
