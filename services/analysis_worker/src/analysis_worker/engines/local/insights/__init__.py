"""Learning insights by published statistics: trends, a cohort, next steps, and a narrative by template."""
