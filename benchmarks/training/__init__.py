"""Training: the loop, stages, checkpoints, pair training, adversarial training, networks that several methods share."""
