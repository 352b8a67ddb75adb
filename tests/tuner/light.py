"""A search that needs no torch: for tests of what is around the training, and not of it. Real training, in NumPy."""

import time

import numpy as np
from ray import tune

from search_spaces import Budget, Objective, SearchSpace

IMAGES, PIXELS, CLASSES = 200, 16, 4
SECONDS = 0.02


class Softmax:
    """Logistic regression by gradient descent on noisy patterns, one of each class."""

    def __init__(self, config, seed, device):
        self.lr, self.seed, self.epochs = config["lr"], seed, 0
        draw = np.random.default_rng(0)
        patterns = draw.normal(size=(CLASSES, PIXELS))
        self.labels = draw.integers(CLASSES, size=2 * IMAGES)
        self.images = patterns[self.labels] + draw.normal(scale=2.0, size=(2 * IMAGES, PIXELS))
        self.weights = seed.numpy("weights").normal(scale=0.1, size=(PIXELS, CLASSES))

    def epoch(self):
        self.epochs += 1
        time.sleep(SECONDS)  # a signal shall find the search in the middle of something
        order = self.seed.numpy("order", self.epochs).permutation(IMAGES)
        for batch in np.split(order, 5):
            residual = self.probabilities(self.images[batch]) - np.eye(CLASSES)[self.labels[batch]]
            self.weights -= self.lr * self.images[batch].T @ residual / len(batch)
        held_out = slice(IMAGES, None)
        seen = self.probabilities(self.images[held_out])[np.arange(IMAGES), self.labels[held_out]]
        return {"val_loss": float(-np.log(seen + 1e-12).mean())}

    def probabilities(self, images):
        logits = images @ self.weights
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    def state(self):
        return {"epochs": self.epochs, "weights": self.weights.copy()}

    def load(self, state):
        self.epochs, self.weights = state["epochs"], state["weights"].copy()


def space():
    return SearchSpace(
        parameters={"lr": tune.loguniform(1e-3, 1.0)},
        baseline={"lr": 0.01},
        objective=Objective("val_loss", "min"),
        budget=Budget(epochs=9, grace=1, reduction=3, trials=6, replicates=5),
    )
