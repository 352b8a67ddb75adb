"""A training loop of one's own: a small network on a table, how far diabetes progresses in a year. To lower: val_loss."""

import torch
from ray import tune
from sklearn.datasets import load_diabetes
from torch import nn

from search_spaces import Budget, Objective, SearchSpace

ROWS, TARGETS = (torch.tensor(part, dtype=torch.float32) for part in load_diabetes(return_X_y=True))
ROWS, TARGETS = ROWS * 20, (TARGETS[:, None] - TARGETS.mean()) / TARGETS.std()
TRAIN = 342  # rows; the other 100 are for validation


class Progression:
    def __init__(self, config, seed, device):
        width, self.seed, self.epochs = config["width"], seed, 0
        self.rows, self.targets = ROWS.to(device), TARGETS.to(device)
        self.net = nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Dropout(config["dropout"]), nn.Linear(width, 1))
        self.net.to(device)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=config["lr"])

    def epoch(self):
        self.net.train()
        order = torch.randperm(TRAIN, generator=self.seed.torch("order", self.epochs))
        for batch in order.split(32):
            loss = nn.functional.mse_loss(self.net(self.rows[batch]), self.targets[batch])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        self.epochs += 1
        self.net.eval()
        with torch.no_grad():
            val_loss = nn.functional.mse_loss(self.net(self.rows[TRAIN:]), self.targets[TRAIN:])
        return {"val_loss": val_loss, "train_loss": loss.detach(), "samples": TRAIN}

    def state(self):
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict(), "epochs": self.epochs}

    def load(self, state):
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epochs = state["epochs"]


def space():
    return SearchSpace(
        parameters={"lr": tune.loguniform(1e-4, 1e-1), "width": tune.choice([8, 64]), "dropout": tune.uniform(0, 0.5)},
        baseline={"lr": 1e-3, "width": 64, "dropout": 0.0},
        objective=Objective("val_loss", "min"),
        budget=Budget(epochs=9, grace=1, trials=12),
    )
