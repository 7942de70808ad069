"""The harness: plan, cells, training loop, protocols, results. Methods plug in through the registry."""
