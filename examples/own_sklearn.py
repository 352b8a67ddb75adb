"""A linear classifier of scikit-learn on handwritten digits, batch by batch: which step size, which penalty? No PyTorch."""

import numpy as np
from ray import tune
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from search_spaces import Budget, Objective, SearchSpace

IMAGES, LABELS = load_digits(return_X_y=True)


class Linear:
    def __init__(self, config, seed, device):
        order = np.random.default_rng(0).permutation(len(LABELS))  # one split for every seed
        self.train, self.val = order[:-360], order[-360:]
        self.model = SGDClassifier(loss="log_loss", eta0=config["step"], alpha=config["alpha"],
                                   learning_rate="invscaling", power_t=config["decay"])
        self.seed, self.epochs = seed, 0

    def epoch(self):
        for batch in np.array_split(self.seed.numpy("order", self.epochs).permutation(self.train), 20):
            self.model.partial_fit(IMAGES[batch] / 16, LABELS[batch], classes=range(10))
        self.epochs += 1
        chances = self.model.predict_proba(IMAGES[self.val] / 16)
        right = chances.argmax(1) == LABELS[self.val]
        return {"val_loss": log_loss(LABELS[self.val], chances), "right": right.mean(), "samples": len(self.train)}

    def state(self):
        return {"model": self.model, "epochs": self.epochs}

    def load(self, state):
        self.model, self.epochs = state["model"], state["epochs"]


def space():
    return SearchSpace(
        parameters={"step": tune.loguniform(1e-3, 10), "alpha": tune.loguniform(1e-6, 1e-2),
                    "decay": tune.choice([0.0, 0.25, 0.5])},
        baseline={"step": 0.1, "alpha": 1e-4, "decay": 0.5},
        objective=Objective("val_loss", "min"),
        budget=Budget(epochs=9, grace=1, trials=32),
    )
