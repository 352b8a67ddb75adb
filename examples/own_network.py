"""A network of one's own on images: how wide must a two-layer network be? Data, schedules, evaluation are the project's."""

from pydantic import Field
from ray import tune
from torch import nn

from search_spaces import Budget, Protocol, SearchSpace
from trainables.config.training import TrainingConfig
from trainables.family import Family


class MyConfig(TrainingConfig):
    width: int = Field(64, ge=1, le=4096, description="units of the hidden layer")
    dropout: float = Field(0.0, ge=0, lt=1, description="of the hidden layer")


class MyFamily(Family[MyConfig]):
    def build_model(self, config, shape):
        hidden = nn.Linear(shape.channels * shape.size**2, config.width)
        return nn.Sequential(
            nn.Flatten(), hidden, nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(config.width, shape.classes)
        )


def space():
    return SearchSpace(
        parameters={
            "width": tune.choice([16, 64, 256]),
            "lr": tune.loguniform(1e-3, 1),
            "dropout": tune.uniform(0, 0.5),
        },
        baseline={"width": 64, "lr": 0.05, "dropout": 0.0},
        fixed={"image_size": 8, "train_images": 400},
        budget=Budget(epochs=9, grace=1, trials=8),
        protocol=Protocol(dataset="digits"),
    )
