"""The regression gate: scores of a profile compared, image by image, with committed reference scores."""
