"""Reports from result files: tables, verdicts on the claims of papers, figures, and a page."""
