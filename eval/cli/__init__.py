"""The commands that evaluate, measure speed and fit weights."""
