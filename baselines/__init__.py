"""Rival methods, a folder for each: declaration, settings, network, stages, method, settings by profile, reference step."""
