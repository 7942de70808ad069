"""The MLflow mirror of result files."""
