"""Talks to people and scripts: commands, prompts, rendering, exit codes."""
