"""How large a network is."""


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())
