"""Plans: cells and their identities, costs, inputs."""
